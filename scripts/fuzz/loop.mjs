/**
 * Fuzzes a reader: changes inputs, and keeps those that reach what none before has reached. `scripts/fuzz.mjs`
 * runs it, in a process of its own.
 *
 *   node loop.mjs READER.cjs CORPUS FOUND RUNS SECONDS MAX_LENGTH
 *
 * The reader is instrumented by Jazzer.js: it counts edges, and tells what it compares. What numbers and texts are
 * compared with is written into inputs; libFuzzer does the same, which Jazzer.js brings along, but only for
 * systems with a glibc of 2.38 and newer.
 */
import * as crypto from 'node:crypto';
import * as fs from 'node:fs';
import { createRequire } from 'node:module';
import * as path from 'node:path';
import { setImmediate } from 'node:timers';

const [reader, corpus, found, runs, seconds, maxLength] = process.argv.slice(2);
const [RUNS, SECONDS, MAX] = [runs, seconds, maxLength].map(Number);

/** Counts of edges in one input, and the counts, by powers of two, that any has reached. */
const counts = new Uint8Array(1 << 20);
const reached = new Uint8Array(1 << 20);
const touched = [];
/** Bytes to write into inputs: what the reader has compared something with. */
const words = new Map();

function learn(bytes) {
  if (bytes.length === 0 || bytes.length > 64) return;
  const key = bytes.toString('latin1');
  if (words.size < 4096 && !words.has(key)) words.set(key, bytes);
}

function learnNumber(value) {
  if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) return;
  const four = Buffer.alloc(4);
  four.writeUInt32LE(value);
  if (value < 256) learn(four.subarray(0, 1));
  else {
    learn(four);
    learn(Buffer.from(four).reverse());
    if (value < 65536) learn(four.subarray(0, 2));
  }
}

const COMPARE = {
  '==': (a, b) => a == b,
  '===': (a, b) => a === b,
  '!=': (a, b) => a != b,
  '!==': (a, b) => a !== b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
};

/** What instrumented code calls. */
// In the file `current` there is always the last input: where one hangs, that is it.
globalThis.Fuzzer = {
  coverageTracker: {
    incrementCounter: (edge) => {
      if (counts[edge] === 0) touched.push(edge);
      if (counts[edge] < 255) counts[edge]++;
    },
  },
  tracer: {
    traceStrCmp: (a, b, operator) => {
      if (typeof a === 'string') learn(Buffer.from(a));
      if (typeof b === 'string') learn(Buffer.from(b));
      return COMPARE[operator](a, b);
    },
    traceNumberCmp: (a, b, operator) => {
      learnNumber(a);
      learnNumber(b);
      return COMPARE[operator](a, b);
    },
    traceAndReturn: (_, test) => {
      if (typeof test === 'number') learnNumber(test);
      else if (typeof test === 'string') learn(Buffer.from(test));
      return test;
    },
  },
};

/** mulberry32. */
let state = Number(process.env.FUZZ_SEED ?? 1) >>> 0;
function random() {
  state = (state + 0x6d2b79f5) >>> 0;
  let t = state;
  t = Math.imul(t ^ (t >>> 15), t | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}
const below = (n) => Math.floor(random() * n);
const pick = (list) => list[below(list.length)];

/** Numbers at which checks of sizes break. */
const EXTREMES = [0n, 1n, 0x7fn, 0x80n, 0xffn, 0x7fffn, 0xffffn, 0x7fffffffn, 0xffffffffn];
EXTREMES.push(0x100000000n, 0x7fffffffffffffffn, 0xffffffffffffffffn);

const splice = (bytes, at, length, middle) =>
  Buffer.concat([bytes.subarray(0, at), middle, bytes.subarray(at + length)]);

const CHANGES = [
  (b) => ((b[below(b.length)] ^= 1 << below(8)), b),
  (b) => ((b[below(b.length)] = below(256)), b),
  (b) => {
    const at = below(b.length);
    b[at] = (b[at] + below(33) - 16) & 255;
    return b;
  },
  (b) => {
    const number = Buffer.alloc(8);
    number.writeBigUInt64LE(pick(EXTREMES));
    const width = 1 << below(4);
    const bytes = random() < 0.7 ? number.subarray(0, width) : number.subarray(0, width).reverse();
    return splice(b, below(b.length), width, bytes);
  },
  (b) => splice(b, below(b.length), 1 + below(Math.min(b.length, 32)), Buffer.alloc(0)),
  (b) => splice(b, below(b.length + 1), 0, crypto.randomBytes(1 + below(4)).fill(below(256))),
  (b) => {
    const at = below(b.length);
    return splice(b, below(b.length + 1), 0, Buffer.from(b.subarray(at, at + 1 + below(64))));
  },
  (b) => {
    const word = pick([...words.values()]) ?? Buffer.of(0);
    return splice(b, below(b.length + 1), random() < 0.5 ? word.length : 0, word);
  },
  (b, other) => {
    const at = below(other.length);
    const piece = other.subarray(at, at + 1 + below(256));
    return splice(b, below(b.length + 1), random() < 0.5 ? piece.length : 0, Buffer.from(piece));
  },
  (b, other) =>
    Buffer.concat([b.subarray(0, below(b.length)), other.subarray(below(other.length))]),
  // Numbers in texts.
  (b) => {
    const digits = [...b.keys()].filter((i) => b[i] >= 0x30 && b[i] <= 0x39);
    if (digits.length === 0) return b;
    const number = pick(['0', '-1', '1e3', '0.5', '4294967296', '9007199254740993', '1e999']);
    return splice(b, pick(digits), 1, Buffer.from(number));
  },
];

function changed(inputs) {
  let bytes = Buffer.from(pick(inputs));
  for (let i = 1 + below(5); i > 0; i--) {
    if (bytes.length === 0) bytes = Buffer.of(below(256));
    bytes = pick(CHANGES)(bytes, pick(inputs));
  }
  return bytes.subarray(0, MAX);
}

/** Whether an input has reached something new; forgets its counts. */
function isNew() {
  let result = false;
  for (const edge of touched) {
    const bucket = 1 << Math.min(7, 31 - Math.clz32(counts[edge]));
    if ((reached[edge] & bucket) === 0) result = true;
    reached[edge] |= bucket;
    counts[edge] = 0;
  }
  touched.length = 0;
  return result;
}

const nameOf = (bytes) => crypto.createHash('sha1').update(bytes).digest('hex');
const { fuzz } = createRequire(import.meta.url)(path.resolve(reader));
const inputs = [];
const failures = new Map();
let [executed, slowest] = [0, 0];

async function attempt(input) {
  executed++;
  if (executed % 64 === 0) await new Promise((resolve) => setImmediate(resolve));
  const start = process.cpuUsage();
  try {
    await fuzz(input);
  } catch (error) {
    const place = /at .*\n/.exec(String(error?.stack))?.[0] ?? '';
    const kind = `${error?.name}: ${String(error?.message).replace(/\d+/g, '#').slice(0, 120)} ${place}`;
    const known = failures.get(kind);
    if (!known || input.length < known.length) {
      failures.set(kind, Buffer.from(input));
      fs.writeFileSync(path.join(found, `crash-${nameOf(Buffer.from(kind)).slice(0, 12)}`), input);
    }
  }
  // Of the processor, not of the clock: the machine may be busy otherwise.
  const { user, system } = process.cpuUsage(start);
  const ms = (user + system) / 1000;
  if (ms > slowest) {
    slowest = ms;
    if (ms > 1000) fs.writeFileSync(path.join(found, `slow-${nameOf(input).slice(0, 12)}`), input);
  }
  return isNew();
}

const end = Date.now() + 1000 * SECONDS;
const files = fs
  .readdirSync(corpus)
  .map((file) => [file, fs.readFileSync(path.join(corpus, file)).subarray(0, MAX)])
  .sort(([, a], [, b]) => a.length - b.length);
const needed = [];
for (const [file, input] of files) {
  // The smallest that reach all that is reached.
  if (await attempt(input)) needed.push(file);
  inputs.push(input);
}
if (inputs.length === 0) inputs.push(Buffer.from([0]));
const current = fs.openSync(path.join(found, 'current'), 'w');
while (executed < RUNS && Date.now() < end) {
  const input = changed(inputs);
  fs.ftruncateSync(current, input.length);
  fs.writeSync(current, input, 0, input.length, 0);
  if (!(await attempt(input))) continue;
  inputs.push(Buffer.from(input));
  fs.writeFileSync(path.join(corpus, nameOf(input)), input);
}
const edges = reached.reduce((sum, buckets) => sum + (buckets > 0 ? 1 : 0), 0);
process.stdout.write(
  JSON.stringify({
    executed,
    edges,
    kept: inputs.length,
    slowest: Math.round(slowest),
    failures: [...failures.keys()],
    needed,
  }),
);
