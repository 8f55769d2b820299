/**
 * Run as a process of its own: opens files made to use up time and memory, and prints as JSON what
 * became of each, how long it took, and the highest memory use above that of the idle process.
 */
import { openCheckpoint } from '../../../src/weights/open_checkpoint';
import { CheckpointError } from '../../../src/weights/errors';
import { MAX_STEPS } from '../../../src/weights/pickle';
import { OP } from '../../../src/weights/pickle_opcodes';
import { MAX_PICKLE_BYTES } from '../../../src/weights/torch_file';
import { buildPth, bytesOf, global, tensor, text, uint32 } from './build_pickle';
import { buildZip } from './build_zip';
import { concat } from './mutate';

function repeat(unit: Uint8Array, count: number): Uint8Array {
  const all = new Uint8Array(unit.length * Math.floor(count));
  for (let at = 0; at < all.length; at += unit.length) all.set(unit, at);
  return all;
}

const pth = (body: Uint8Array): Uint8Array =>
  buildPth(bytesOf(OP.PROTO, 2, body.subarray(0, MAX_PICKLE_BYTES - 3), OP.STOP));

function safetensors(header: string): Uint8Array {
  const json = new TextEncoder().encode(header);
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(json.length), true);
  return concat(length, json);
}

const NONE = OP.NONE;

/** A storage of zeros, and tensors of four bytes from its end to its beginning. */
function deflatedBackwards(size: number): Uint8Array {
  const tensors = Array.from({ length: 1000 }, (_, i) => [
    text(`t${i}`),
    tensor({ storage: 'ByteStorage', length: size, offset: size - 4 * (i + 1) }),
    OP.SETITEM,
  ]);
  return buildZip([
    { name: 'a/data.pkl', data: bytesOf(OP.PROTO, 2, OP.EMPTY_DICT, tensors, OP.STOP) },
    { name: 'a/data/0', data: new Uint8Array(size), deflate: true },
  ]);
}

/** Each makes its file when its turn comes. */
const FILES: Record<string, () => Uint8Array> = {
  'dicts of one': () => pth(repeat(bytesOf(OP.EMPTY_DICT, NONE, NONE, OP.SETITEM), MAX_STEPS / 4)),
  'lists of one': () => pth(repeat(bytesOf(OP.EMPTY_LIST, NONE, OP.APPEND), MAX_STEPS / 3)),
  'open marks': () => pth(repeat(bytesOf(OP.MARK, NONE), MAX_STEPS / 2)),
  'nested tuples': () => pth(concat(bytesOf(NONE), repeat(bytesOf(OP.TUPLE1), MAX_STEPS - 9))),
  globals: () => pth(repeat(bytesOf(global('aa', 'bb')), MAX_STEPS)),
  calls: () => pth(repeat(bytesOf(global('aa', 'bb'), OP.EMPTY_TUPLE, OP.REDUCE), MAX_STEPS / 3)),
  'sets in the memo': () => pth(repeat(bytesOf(OP.EMPTY_SET, OP.MEMOIZE), MAX_STEPS / 2)),
  'short texts': () => pth(repeat(bytesOf(text('ab☃')), MAX_STEPS)),
  'one long text': () => pth(bytesOf(OP.BINSTRING, uint32(30e6), new Uint8Array(30e6))),
  'long integers': () => pth(repeat(bytesOf(OP.LONG1, 24, new Uint8Array(24).fill(9)), MAX_STEPS)),
  'short byte strings': () =>
    pth(repeat(bytesOf(OP.SHORT_BINBYTES, 10, new Uint8Array(10)), MAX_STEPS)),
  tensors: () => pth(repeat(bytesOf(tensor()), MAX_STEPS / 45)),
  'a deflated storage of 250 MB': () => deflatedBackwards(250e6),
  'a deflated storage of 100 MB, read backwards': () => deflatedBackwards(100e6),
  'a JSON of brackets': () => safetensors(`{"a":${'['.repeat(4e6)}`),
  'a JSON of lists': () => safetensors(`{"a":[${'[],'.repeat(1.3e6)}1]}`),
  'a JSON of numbers': () => safetensors(`{"a":[${'1,'.repeat(4e6)}1]}`),
  'a JSON of one text': () => safetensors(`{"a":"${'x'.repeat(30e6)}"}`),
  'a JSON of 15 million lists': () => safetensors(`{"a":[${'[],'.repeat(10e6)}1]}`),
};

async function openAndRead(file: Uint8Array): Promise<string> {
  try {
    const checkpoint = await openCheckpoint(file);
    for (const name of checkpoint.entries.keys()) await checkpoint.read(name);
    return 'read';
  } catch (error) {
    if (error instanceof CheckpointError) return error.code;
    throw error;
  }
}

async function main(): Promise<void> {
  const results: Record<string, { outcome: string; ms: number; megabytes: number }> = {};
  const only = process.argv[2];
  for (const [name, make] of Object.entries(FILES)) {
    if (only !== undefined && only !== name) continue;
    const file = make();
    globalThis.gc?.();
    const peakBefore = process.resourceUsage().maxRSS;
    const idle = process.memoryUsage().rss;
    const start = performance.now();
    const outcome = await openAndRead(file);
    const ms = performance.now() - start;
    const peak = process.resourceUsage().maxRSS;
    // A peak that is not higher than earlier ones was at most as high.
    const megabytes = (Math.max(peak, peakBefore) * 1024 - idle) / 1e6;
    results[name] = { outcome, ms, megabytes };
  }
  process.stdout.write(JSON.stringify(results));
}

void main();
