/**
 * Low-rank changes of kernels (LoRA, Hu et al. 2021, arXiv 2106.09685): what an operation multiplies by
 * is `W + scale * down * up`, of which only the small factors are trained.
 */
import * as tf from '@tensorflow/tfjs-core';

import { isTapeOn } from './engine/engine';
import { free } from './engine/tensors';
import { linear, linearBackwardInput, linearBackwardKernel, linearForward } from './linear';
import { matMul2d, toMatrix } from './mat_mul';
import { patchConv, toPatches } from './patch_conv';

/** What is added to a kernel, which is seen as a matrix `[in, out]` whatever its shape. */
export interface LowRank {
  /** `[in, rank]` */
  readonly down: tf.Variable;
  /** `[rank, out]` */
  readonly up: tf.Variable;
  /** Factor of their product. */
  readonly scale: number;
}

const changes = new WeakMap<tf.Tensor, LowRank>();
const factors = new WeakSet<tf.Tensor>();

/** Lets every operation that knows of low-rank changes add this one to the kernel; null: none again. */
export function changeKernel(kernel: tf.Variable, change: LowRank | null): void {
  if (!change) {
    changes.delete(kernel);
    return;
  }
  changes.set(kernel, change);
  factors.add(change.down).add(change.up);
}

/** Whether a variable is a factor of a change, and no weight that an operation has by itself. */
export function isFactor(variable: tf.Tensor): boolean {
  return factors.has(variable);
}

/** What is added to a kernel, if anything. */
export function lowRankOf(kernel: tf.Tensor): LowRank | undefined {
  return changes.get(kernel);
}

/** The factors of some kernels' changes that are to be trained, kernel by kernel, `down` first. */
export function lowRankVariables(kernels: readonly tf.Tensor[]): tf.Variable[] {
  return kernels.flatMap((kernel) => trainedFactors(lowRankOf(kernel)));
}

function trainedFactors(change: LowRank | undefined): tf.Variable[] {
  return change ? [change.down, change.up].filter((v) => v.trainable) : [];
}

/** `W + scale * down * up` as a new tensor of the kernel's shape. */
export function changedKernel(kernel: tf.Tensor, { down, up, scale }: LowRank): tf.Tensor {
  return tf.tidy(() => {
    const small = tf.mul(down, scale);
    const product = matMul2d(small, up);
    free(small);
    const shaped = tf.reshape(product, kernel.shape);
    free(product);
    return tf.add(kernel, shaped);
  });
}

/** Runs `fn` with what a kernel is together with its change, which is freed afterwards. */
export function withKernel<T>(kernel: tf.Tensor, fn: (kernel: tf.Tensor) => T): T {
  const change = lowRankOf(kernel);
  if (!change) return fn(kernel);
  const changed = changedKernel(kernel, change);
  try {
    return fn(changed);
  } finally {
    free(changed);
  }
}

/**
 * Gradients of the trained factors of a kernel's change, none of which is as large as the kernel's.
 *
 * @param dy gradient of the product with the kernel, `[n, out]` or of any higher rank
 * @param input what the kernel was multiplied by, `[n, in]` or of any higher rank; asked for at most once
 */
export function lowRankGradients(
  dy: tf.Tensor,
  input: () => tf.Tensor,
  kernel: tf.Tensor,
): tf.Tensor[] {
  const change = lowRankOf(kernel);
  const trained = trainedFactors(change);
  if (!change || trained.length === 0) return [];
  const { down, up, scale } = change;
  return tf.tidy(() => {
    const x = input();
    const rows = toMatrix(dy);
    return trained.map((factor) =>
      tf.tidy(() =>
        factor === down
          ? linearBackwardKernel(tf.mul(linearBackwardInput(rows, up), scale), x)
          : linearBackwardKernel(rows, tf.mul(linearForward(x, down), scale)),
      ),
    );
  });
}

/**
 * A projection with its kernel's change. Where a tape records, the change is a branch of its own, so that
 * a frozen kernel's gradient is not computed.
 *
 * @param project the projection, with any kernel of the shape
 * @param kernel `[in, out]`, or `[size, size, in, out]` of a patch convolution
 */
export function projectChanged(
  project: (x: tf.Tensor, kernel: tf.Tensor) => tf.Tensor,
  x: tf.Tensor,
  kernel: tf.Tensor,
): tf.Tensor {
  const change = lowRankOf(kernel);
  if (!change) return project(x, kernel);
  if (!isTapeOn()) return tf.tidy(() => project(x, changedKernel(kernel, change)));
  return tf.tidy(() => {
    const branch = lowRankBranch(change, (down) => {
      const none = tf.zeros([down.shape[1] as number]);
      if (kernel.rank !== 4) return linear(x, down, none);
      const size = kernel.shape[0] as number;
      return patchConv(x, tf.reshape(down, [size, size, -1, down.shape[1] as number]), none);
    });
    return tf.add(project(x, kernel), branch);
  });
}

/**
 * `scale * (x down) up` in operations that a tape records; within a tidy.
 *
 * @param multiply gives `x down`
 */
export function lowRankBranch(
  { down, up, scale }: LowRank,
  multiply: (down: tf.Tensor) => tf.Tensor,
): tf.Tensor {
  return linear(tf.mul(multiply(down), scale), up, tf.zeros([up.shape[1] as number]));
}

/** What a kernel is multiplied by: patches of an image, or the tensor itself. */
export function rowsFor(x: tf.Tensor, kernel: tf.Tensor): tf.Tensor {
  return kernel.rank === 4 ? toPatches(x, kernel.shape[0] as number) : x;
}
