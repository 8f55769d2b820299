/** The checkpoints in `fixtures`, made by PyTorch (see `make_fixtures.py` there). */
import * as fs from 'node:fs';
import * as path from 'node:path';

import { openCheckpoint } from '../../../src/weights/open_checkpoint';

export const FIXTURES_DIR = path.resolve(import.meta.dirname, '../fixtures');

export function fixturePath(file: string): string {
  return path.join(FIXTURES_DIR, file);
}

export function readFixture(file: string): Uint8Array {
  return new Uint8Array(fs.readFileSync(fixturePath(file)));
}

export interface ExpectedTensor {
  shape: number[];
  data: Float32Array;
}

/** What PyTorch says is in `file`: float32 tensors by name. */
export async function expectedTensors(file: string): Promise<Map<string, ExpectedTensor>> {
  const all = await openCheckpoint(readFixture('expected.safetensors'));
  const tensors = new Map<string, ExpectedTensor>();
  for (const [name, { shape }] of all.entries) {
    if (name.startsWith(`${file}:`)) {
      tensors.set(name.slice(file.length + 1), { shape, data: await all.read(name) });
    }
  }
  if (tensors.size === 0) throw new Error(`expected.safetensors has nothing for ${file}`);
  return tensors;
}

/** Index of the first element whose bits differ, -1 where there is none. */
export function firstDifference(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Math.min(a.length, b.length);
  const x = new Uint32Array(a.buffer, a.byteOffset, a.length);
  const y = new Uint32Array(b.buffer, b.byteOffset, b.length);
  return x.findIndex((bits, i) => bits !== y[i]);
}
