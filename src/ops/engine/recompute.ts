/** Gradient checkpointing for any tfjs code: run it again instead of keeping what it computed. */
import * as tf from '@tensorflow/tfjs-core';

import { show } from '../../common/arguments';
import {
  assertFirstOrder,
  disposingTapeOnError,
  isOnTape,
  isTapeOn,
  recordReads,
  runRepeatably,
  valueAndGradients,
  withFreshTape,
} from './engine';
import { ensureGradient, ensureKernel, runKernel } from './kernel';
import { drawSeed, withSeededRandom } from './random';

interface RecomputeAttrs {
  run(inputs: readonly tf.Tensor[]): tf.Tensor;
  output: tf.Tensor;
  /** Variables and outside tensors that `run` reads, in input order after the arguments. */
  reads: readonly tf.Tensor[];
}

/**
 * Gradient checkpointing for any tfjs code (Chen et al. 2016, arXiv 1604.06174): the returned
 * function computes what `fn` does, but keeps only its arguments for the backward pass and runs `fn`
 * again there. Gradients flow to the arguments and to every variable that `fn` reads.
 *
 * Random ops inside `fn` repeat themselves. `fn` must be synchronous, must not have side effects
 * that change its result (a batch normalisation in training updates its statistics twice), and must
 * take intermediate results as arguments rather than from outside.
 *
 * @param fn function of tensors that returns one tensor
 * @throws {Error} when `fn` reads a tensor from outside that an operation before it has computed: its
 *   gradient would be lost
 *
 * @example
 * const block = recompute((x) => tf.relu(tf.matMul(x, w)));
 * const { grads } = tf.variableGrads(() => tf.sum(block(block(x))));
 */
export function recompute<Args extends tf.Tensor[], R extends tf.Tensor>(
  fn: (...args: Args) => R,
): (...args: Args) => R {
  return (...args) => {
    if (!isTapeOn()) return fn(...args);
    return disposingTapeOnError(() => runNode((xs) => fn(...(xs as Args)), args)) as R;
  };
}

function runNode(
  fn: (args: readonly tf.Tensor[]) => tf.Tensor,
  args: readonly tf.Tensor[],
): tf.Tensor {
  const seed = drawSeed();
  const run = (inputs: readonly tf.Tensor[]) =>
    withSeededRandom(seed, () => tf.tidy(() => fn(inputs)));
  const {
    result: output,
    variables,
    external,
  } = runRepeatably(
    () => recordReads(() => run(args)),
    ({ result }) => {
      if (!args.includes(result)) tf.dispose(result);
    },
  );
  if (!(output instanceof tf.Tensor)) {
    throw new Error('recompute: fn must return one tensor; stack several into one');
  }
  const ids = new Set(args.map((x) => x.id));
  const reads = [...variables, ...external].filter((t) => !ids.has(t.id) && t.dtype === 'float32');
  for (const tensor of reads) {
    if (!isOnTape(tensor)) continue;
    throw new Error(
      `recompute: fn reads a computed tensor of shape ${show(tensor.shape)} from outside, ` +
        `whose gradient would be lost; pass it to fn as an argument`,
    );
  }
  const inputs: tf.NamedTensorMap = {};
  [...args, ...reads].forEach((tensor, i) => {
    inputs[inputName(i)] = tensor;
  });
  const attrs: RecomputeAttrs = { run, output: ownOutput(output, args), reads };
  return runKernel(kernelFor(args.length), inputs, attrs);
}

const inputName = (i: number) => `input${i}`;

/** A result that is one of the arguments itself must not share its identity on the tape. */
function ownOutput(output: tf.Tensor, args: readonly tf.Tensor[]): tf.Tensor {
  return args.includes(output) ? withFreshTape(() => tf.clone(output)) : output;
}

/**
 * The kernel for so many arguments: tfjs wants to know by name which inputs to save, and saving
 * them as outputs instead would make it allocate zero gradients of their size.
 */
function kernelFor(count: number): string {
  const kernelName = `RevColRecompute${count}`;
  ensureKernel<unknown, RecomputeAttrs>(kernelName, ({ attrs }) => attrs.output);
  ensureGradient<tf.Tensor, RecomputeAttrs>({
    kernelName,
    inputsToSave: Array.from({ length: count }, (_, i) => inputName(i)),
    gradFunc: (dy, saved, attrs) => {
      assertFirstOrder('recompute');
      return disposingTapeOnError(() => gradientThunks(dy, saved, attrs));
    },
  });
  return kernelName;
}

function gradientThunks(
  dy: tf.Tensor,
  args: readonly tf.Tensor[],
  { run, reads }: RecomputeAttrs,
): Record<string, () => tf.Tensor> {
  // Copies tell apart one tensor given twice.
  const xs = args.map((x) => tf.clone(x));
  const wanted = [...xs, ...reads];
  const { value, gradients } = valueAndGradients(() => run(xs), wanted, dy);
  value.dispose();
  return Object.fromEntries(
    wanted.map((x, i) => [
      inputName(i),
      () => {
        const gradient = gradients[i];
        return gradient ? tf.clone(gradient) : tf.zerosLike(x);
      },
    ]),
  );
}
