/** Gradients of a computation with several outputs, of which tfjs itself wants exactly one. */
import * as tf from '@tensorflow/tfjs-core';

import { withFreshTape } from './engine';
import { ensureGradient, ensureKernel, runKernel } from './kernel';

const KERNEL = 'RevColOutputs';

const inputName = (i: number) => `output${i}`;

ensureGradient<tf.Tensor, { dys: readonly tf.Tensor[] }>({
  kernelName: KERNEL,
  gradFunc: (_, __, { dys }) => {
    return Object.fromEntries(dys.map((dy, i) => [inputName(i), () => tf.clone(dy)]));
  },
});

/**
 * Runs `f` and gives the gradients of `xs` for those of its outputs; null where no output depends
 * on one. Frees the outputs.
 *
 * @param f gives one float32 tensor per entry of `dys`, all of them made by it
 * @param dys gradients of the outputs; they stay the caller's
 */
export function pullBack(
  f: () => readonly tf.Tensor[],
  xs: tf.Tensor[],
  dys: readonly tf.Tensor[],
): (tf.Tensor | null)[] {
  if (xs.length === 0) return [];
  ensureKernel(KERNEL, () => tf.scalar(0));
  // A node that takes all outputs and hands each its gradient.
  const joined = () => {
    const inputs = Object.fromEntries(f().map((y, i) => [inputName(i), y]));
    return runKernel(KERNEL, inputs, { dys });
  };
  const { value, grads } = withFreshTape(() => tf.engine().gradients(joined, xs, undefined, true));
  value.dispose();
  return grads.map((g) => (g as tf.Tensor | undefined) ?? null);
}
