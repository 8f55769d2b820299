/**
 * Makes a weight set that ships with the package of what `examples/fashion.ts` or `examples/languages.ts` has
 * trained: in float16, with the names of the classes, in `weights`. Prints what `src/registry/packaged.ts`, or
 * `src/registry/text.ts`, must say of it.
 *
 *   npx tsx scripts/pack_weights.ts out/fashion/fashion-femto-1.safetensors revcol_femto.fashion
 */
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';

import { toFloat16 } from '../src/convert/quantize';
import { PACKAGED_SETS } from '../src/registry/packaged';
import { TEXT_WEIGHTS } from '../src/registry/text';
import { openCheckpoint } from '../src/weights/open_checkpoint';

/** Tensors begin at multiples of it. */
const ALIGNMENT = 8;

const [source, name] = process.argv.slice(2);
const sets = { ...PACKAGED_SETS, ...TEXT_WEIGHTS };
if (source === undefined || name === undefined || !Object.hasOwn(sets, name)) {
  throw new Error(`give a file and one of ${Object.keys(sets).join(', ')}`);
}
const { classNames } = sets[name as keyof typeof sets];
const header: Record<string, unknown> = {
  __metadata__: { format: 'pt', classes: JSON.stringify(classNames) },
};
const parts: Uint8Array[] = [];
let at = 0;
const checkpoint = await openCheckpoint(source);
for (const [tensor, { shape }] of checkpoint.entries) {
  const bytes = new Uint8Array(toFloat16(tensor, await checkpoint.read(tensor)).buffer);
  header[tensor] = { dtype: 'F16', shape, data_offsets: [at, at + bytes.length] };
  parts.push(bytes);
  at += bytes.length;
}
await checkpoint.close();
const json = new TextEncoder().encode(JSON.stringify(header));
const length = Math.ceil(json.length / ALIGNMENT) * ALIGNMENT;
const start = new Uint8Array(8 + length).fill(0x20);
new DataView(start.buffer).setBigUint64(0, BigInt(length), true);
start.set(json, 8);
const file = Buffer.concat([start, ...parts]);
const folder = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../weights');
fs.mkdirSync(folder, { recursive: true });
fs.writeFileSync(path.join(folder, `${name}.safetensors`), file);
const sha256 = createHash('sha256').update(file).digest('hex');
console.log(JSON.stringify({ bytes: file.length, sha256 }, null, 2));
