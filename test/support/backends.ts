/** The one table of backends that tests run on, and the assertions they share. */
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs';

import { readsSettled } from '../../src/ops/engine/reads_in_flight';
import { setWasmThreads } from '../../src/ops/kernels/wasm_threads';
import { AVAILABLE, HAS_OPERATIONS, HINT, LOADERS, readsAtOnce } from './available';

export { HAS_OPERATIONS, readsAtOnce };

/** Reads `REVCOL_BACKENDS`; a name that is not to be had must not quietly test nothing. */
function chosen(list: string | undefined): readonly string[] {
  if (!list) return AVAILABLE;
  const names = list.split(',').map((name) => name.trim());
  const absent = names.filter((name) => !AVAILABLE.includes(name));
  if (absent.length > 0) {
    throw new Error(
      `REVCOL_BACKENDS: ${absent.join(', ')} cannot be tested here; there is ${AVAILABLE.join(', ')}` +
        HINT,
    );
  }
  return AVAILABLE.filter((name) => names.includes(name));
}

/**
 * Backends to test here: `cpu`, `wasm`, and `tensorflow` once `npm run native` has set it up; of
 * these, the ones that the environment variable `REVCOL_BACKENDS` lists, when it is set.
 */
export const BACKENDS: readonly string[] = chosen(process.env.REVCOL_BACKENDS);

/** Threads of the package's kernels on wasm, where the environment variable names a number. */
const WASM_THREADS = process.env.REVCOL_WASM_THREADS;

/** Makes a backend the current one. */
export async function useBackend(name: string): Promise<void> {
  if (name === 'wasm' && WASM_THREADS) await setWasmThreads(Number(WASM_THREADS));
  if (tf.findBackend(name) == null) LOADERS[name]?.();
  if (!(await tf.setBackend(name))) throw new Error(`backend ${name} did not start`);
  await tf.ready();
}

/**
 * One `describe` per backend, with that backend current in its tests and hooks, and the one before
 * it current again afterwards.
 *
 * @param body gets the backend's name
 * @param options.only backends to keep; where none of them is here, the tests count as skipped
 * @param options.except backends to leave out
 */
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
    let before: string | undefined;
    beforeAll(async () => {
      before = tf.engine().backendName;
      await useBackend(name);
    });
    afterAll(async () => {
      if (before) await useBackend(before);
    });
    body(name);
  });
}

/**
 * Whether equal steps give equal bits on a backend. On webgl tfjs chooses programs by how a tensor lies in its
 * texture, and the processor for what is small and lies there; to read a tensor changes where and how it lies, so that
 * of two runs of which one is saved in between the last places differ.
 */
export const givesSameBits = (backend: string): boolean => backend !== 'webgl';

/** Lets webgl compute all on the device. */
export function onDeviceAlone(backend: string): void {
  if (backend !== 'webgl') return;
  beforeAll(() => tf.env().set('WEBGL_CPU_FORWARD', false));
  afterAll(() => tf.env().set('WEBGL_CPU_FORWARD', true));
}

/**
 * Runs `fn` and asserts that as many tensors live afterwards as before.
 *
 * @returns what `fn` returns; so it may not return tensors that it made
 * @throws what `fn` throws, unless tensors leaked: then an error that says so, with that as its cause
 */
export async function expectNoLeak<T>(fn: () => T | Promise<T>): Promise<T> {
  // What is being read lives until it has come back.
  await readsSettled();
  const before = tf.memory().numTensors;
  const leaked = () => tf.memory().numTensors - before;
  let result: T;
  try {
    result = await fn();
    await readsSettled();
  } catch (cause) {
    await readsSettled();
    if (leaked() === 0) throw cause;
    throw new Error(`${leaked()} more tensors live after a failure than before`, { cause });
  }
  expect({ moreTensors: leaked() }).toEqual({ moreTensors: 0 });
  return result;
}

type Values = tf.Tensor | ArrayLike<number>;

function values(x: Values): ArrayLike<number> {
  return x instanceof tf.Tensor ? x.dataSync() : x;
}

/**
 * `norm(got - expected) / norm(expected)` in double precision; where `expected` is 0 throughout, the
 * norm of `got`.
 *
 * @throws where the sizes differ or there is nothing to compare
 */
export function relativeError(got: Values, expected: Values): number {
  const [a, b] = [values(got), values(expected)];
  if (a.length !== b.length) throw new Error(`sizes differ: ${a.length} and ${b.length}`);
  if (a.length === 0) throw new Error('nothing to compare: both are empty');
  let difference = 0;
  let size = 0;
  for (let i = 0; i < a.length; i++) {
    difference += ((a[i] as number) - (b[i] as number)) ** 2;
    size += (b[i] as number) ** 2;
  }
  return Math.sqrt(difference) / (size > 0 ? Math.sqrt(size) : 1);
}

/**
 * Asserts a relative error, and equal shapes of two tensors. The failure names what was compared and
 * how far off it is.
 */
export function expectClose(
  got: Values,
  expected: Values,
  tolerance: number,
  what = 'tensor',
): void {
  if (got instanceof tf.Tensor && expected instanceof tf.Tensor) {
    expect({ [what]: got.shape }).toEqual({ [what]: expected.shape });
  }
  const error = relativeError(got, expected);
  if (!(error <= tolerance)) {
    throw new Error(`${what}: relative error ${error}, expected at most ${tolerance}`);
  }
  // Counts as an assertion for expect.hasAssertions().
  expect(error).toBeLessThanOrEqual(tolerance);
}
