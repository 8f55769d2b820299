/** Lifetimes of tensors: freeing, adding up, tidying results of any shape. */
import * as tf from '@tensorflow/tfjs-core';

/** Frees tensors whose last use has passed; null and undefined are passed over. */
export function free(...tensors: (tf.Tensor | null | undefined)[]): void {
  for (const tensor of tensors) tensor?.dispose();
}

/**
 * The one tensor of a list that has one: what a function of a single input is given.
 *
 * @throws {Error} when there are more, or none
 */
export function only(tensors: readonly tf.Tensor[]): tf.Tensor {
  const [first, ...rest] = tensors;
  if (first && rest.length === 0) return first;
  throw new Error(`${tensors.length} tensors given to a function of one; pass it exactly one`);
}

/** Replaces `slots[i]` by its sum with `term`, or by `term`; takes ownership of both. */
export function accumulate(slots: (tf.Tensor | null)[], i: number, term: tf.Tensor): void {
  const old = slots[i];
  if (old == null) {
    slots[i] = term;
    return;
  }
  slots[i] = tf.add(old, term);
  free(old, term);
}

/**
 * Gives `fn` a tensor as float32, which backend 'cpu' computes with anyway, and the kernels of the others
 * insist on. A cast is a node of tfjs's own, whose gradient is not there with tfjs-core alone; so none is
 * made that is not needed.
 */
export function onFloats(x: tf.Tensor, fn: (x: tf.Tensor) => tf.Tensor): tf.Tensor {
  return x.dtype === 'float32' ? fn(x) : tf.tidy(() => fn(tf.cast(x, 'float32')));
}

/** `tf.tidy` for results of any shape that hold tensors in arrays and fields. */
export function tidyAll<T>(fn: () => T): T {
  return tf.tidy(fn as () => tf.TensorContainer) as T;
}
