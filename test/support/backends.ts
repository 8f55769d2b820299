/** The one table of backends that tests run on, and the assertions they share. */
import * as fs from 'node:fs';
import { createRequire } from 'node:module';
import * as path from 'node:path';

import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';

const NATIVE_DIR = path.resolve(__dirname, '../../.native');
const HAVE_NATIVE = fs.existsSync(path.join(NATIVE_DIR, 'ready'));

/** Starts backends that the imports above do not bring. */
const LOADERS: Record<string, () => void> = {
  tensorflow: () => {
    createRequire(path.join(NATIVE_DIR, 'package.json'))('@tensorflow/tfjs-node-gpu');
  },
};

const wanted = process.env.REVCOL_BACKENDS?.split(',');

/** Backends to test here: `cpu`, `wasm`, and `tensorflow` once `npm run native` has set it up. */
export const BACKENDS: readonly string[] = [
  'cpu',
  'wasm',
  ...(HAVE_NATIVE ? ['tensorflow'] : []),
].filter((name) => !wanted || wanted.includes(name));

/** Makes a backend the current one. */
export async function useBackend(name: string): Promise<void> {
  if (tf.findBackend(name) == null) LOADERS[name]?.();
  if (!(await tf.setBackend(name))) throw new Error(`backend ${name} did not start`);
  await tf.ready();
}

/** One `describe` per backend, with that backend current in its tests. */
export function describeBackends(
  title: string,
  body: (backend: string) => void,
  { only, except = [] }: { only?: readonly string[]; except?: readonly string[] } = {},
): void {
  const names = BACKENDS.filter((b) => (!only || only.includes(b)) && !except.includes(b));
  if (names.length === 0) {
    describe.skip(`${title} (none of ${only?.join(', ') ?? 'the backends'} here)`, () => body(''));
    return;
  }
  describe.each(names)(`${title} [%s]`, (name) => {
    beforeAll(() => useBackend(name));
    body(name);
  });
}

/** Runs `fn` and asserts that as many tensors live afterwards as before, also when it throws. */
export async function expectNoLeak<T>(fn: () => T | Promise<T>): Promise<T> {
  const before = tf.memory().numTensors;
  try {
    return await fn();
  } finally {
    expect({ tensors: tf.memory().numTensors }).toEqual({ tensors: before });
  }
}

type Values = tf.Tensor | ArrayLike<number>;

function values(x: Values): ArrayLike<number> {
  return x instanceof tf.Tensor ? x.dataSync() : x;
}

/** `norm(got - expected) / norm(expected)` in double precision; the norm of `got` where expected is 0. */
export function relativeError(got: Values, expected: Values): number {
  const [a, b] = [values(got), values(expected)];
  if (a.length !== b.length) throw new Error(`sizes differ: ${a.length} and ${b.length}`);
  let difference = 0;
  let size = 0;
  for (let i = 0; i < a.length; i++) {
    difference += ((a[i] as number) - (b[i] as number)) ** 2;
    size += (b[i] as number) ** 2;
  }
  return Math.sqrt(difference) / (size > 0 ? Math.sqrt(size) : 1);
}

/** Asserts a relative error; the failure names what was compared and how far off it is. */
export function expectClose(
  got: Values,
  expected: Values,
  tolerance: number,
  what = 'tensor',
): void {
  const error = relativeError(got, expected);
  if (!(error <= tolerance)) {
    throw new Error(`${what}: relative error ${error}, expected at most ${tolerance}`);
  }
  expect(error).toBeLessThanOrEqual(tolerance);
}
