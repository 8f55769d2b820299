/**
 * Lets the n-th kernel of a function fail, as an allocation does that finds no memory, or a graphics
 * context that is lost.
 */
import * as tf from '@tensorflow/tfjs';

/** The error that a failing kernel throws. */
export class KernelFailure extends Error {
  override name = 'KernelFailure';
  /** File and function of every caller, innermost first. */
  readonly callers: readonly string[];

  constructor(
    readonly kernel: string,
    readonly call: number,
  ) {
    super(`kernel ${kernel} failed, call ${call}`);
    this.callers = callers();
  }
}

/** The stack without what makes one slow, which is to look every line up in a source map. */
function callers(): string[] {
  const { prepareStackTrace, stackTraceLimit } = Error;
  Error.prepareStackTrace = (_, sites) =>
    sites.map((site) => `${site.getFileName()} ${site.getFunctionName()}`);
  Error.stackTraceLimit = 200;
  const stack = new Error().stack as unknown as string[] | string;
  Object.assign(Error, { prepareStackTrace, stackTraceLimit });
  // Only V8 asks prepareStackTrace; in others `name@file`, a line for each.
  return typeof stack === 'string' ? stack.split('\n') : stack;
}

/** What is left of a failure. */
export interface Failed {
  error: KernelFailure;
  /** Tensors that live now and did not before. */
  moreTensors: number;
  /**
   * Those of them that tfjs keeps for its tape: it marks as kept what an operation saves for its
   * gradient, and frees it only at the end of a gradient that succeeds.
   */
  kept: tf.Tensor[];
  /** Whether tfjs itself called the kernel to copy what the tape saves. */
  whileSaving: boolean;
}

/** Calls `before(name)` at each kernel of the current backend from now on; returns what undoes that. */
function watchKernels(before: (name: string) => void): () => void {
  const configs = tf.getKernelsForBackend(tf.getBackend());
  const originals = configs.map(({ kernelFunc }) => kernelFunc);
  configs.forEach((config, i) => {
    const run = originals[i] as tf.KernelFunc;
    config.kernelFunc = (params) => {
      before(config.kernelName);
      return run(params);
    };
  });
  return () => {
    configs.forEach((config, i) => {
      config.kernelFunc = originals[i] as tf.KernelFunc;
    });
  };
}

/** Calls `before(name)` at each kernel of the current backend that runs in `fn`. */
function interceptKernels<T>(before: (name: string) => void, fn: () => T): T {
  const undo = watchKernels(before);
  try {
    return fn();
  } finally {
    undo();
  }
}

/** How many kernels `fn` calls; those that kernels call through the engine count as well. */
export function countKernels(fn: () => void): number {
  let calls = 0;
  interceptKernels(() => calls++, fn);
  return calls;
}

/**
 * Runs `fn`, whose n-th kernel call, counted from 1, fails before it does anything.
 *
 * @throws where `fn` does not pass the failure on
 */
export function failAtKernel(n: number, fn: () => void): Failed {
  const before = tf.memory().numTensors;
  const kept: tf.Tensor[] = [];
  const engine = tf.engine();
  const { keep } = engine;
  let failure: KernelFailure | undefined;
  let whileSaving = false;
  let calls = 0;
  engine.keep = (tensor) => {
    kept.push(tensor);
    return keep.call(engine, tensor) as typeof tensor;
  };
  let caught: unknown;
  try {
    interceptKernels((name) => {
      if (++calls !== n) return;
      failure = new KernelFailure(name, n);
      whileSaving = failure.callers.some((c) => /saveTensorsForBackwardMode|saveFunc/.test(c));
      throw failure;
    }, fn);
  } catch (error) {
    caught = error;
  } finally {
    engine.keep = keep;
  }
  if (failure === undefined) {
    throw caught ?? new Error(`no kernel failed: there are ${calls} calls, the ${n}th was to fail`);
  }
  // An error that names a failure as its cause passes it on.
  if (caught !== failure && (caught as Error | undefined)?.cause !== failure) {
    throw new Error(`${failure.message}, and was not passed on`, { cause: caught });
  }
  return {
    error: failure,
    moreTensors: tf.memory().numTensors - before,
    kept: kept.filter((tensor) => !tensor.isDisposed),
    whileSaving,
  };
}

/**
 * The same of a function that waits in between: runs `fn`, whose n-th kernel call fails, counted from 1.
 *
 * @returns the failure; null where there are fewer calls, and `fn` has ended
 * @throws where `fn` does not pass the failure on
 */
export async function failLaterAtKernel(
  n: number,
  fn: () => Promise<unknown>,
): Promise<KernelFailure | null> {
  let failure: KernelFailure | null = null;
  let calls = 0;
  const undo = watchKernels((name) => {
    if (++calls !== n) return;
    failure = new KernelFailure(name, n);
    throw failure;
  });
  try {
    await fn();
  } catch (error) {
    if (failure === null || error !== failure) throw error;
    return failure;
  } finally {
    undo();
  }
  if (failure !== null) throw new Error(`${String(failure)}, and was not passed on`);
  return null;
}
