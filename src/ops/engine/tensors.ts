import * as tf from '@tensorflow/tfjs-core';
/** Frees tensors whose last use has passed; null and undefined are passed over. */
export function free(...tensors: (tf.Tensor | null | undefined)[]): void {
  for (const tensor of tensors) tensor?.dispose();
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

/** `tf.tidy` for results of any shape that hold tensors in arrays and fields. */
export function tidyAll<T>(fn: () => T): T {
  return tf.tidy(fn as () => tf.TensorContainer) as T;
}
