/** Moves of data that attention needs: heads apart and together, rows of time out and back in. */
import * as tf from '@tensorflow/tfjs-core';

/** `[batch, time, heads * d]` to one matrix per batch entry and head, `[batch * heads, time, d]`. */
export function splitHeads(x: tf.Tensor, numHeads: number): tf.Tensor3D {
  const [batch, time, width] = x.shape as [number, number, number];
  return tf.tidy(() => {
    const split = tf.reshape(x, [batch, time, numHeads, width / numHeads]);
    return tf.reshape(tf.transpose(split, [0, 2, 1, 3]), [
      batch * numHeads,
      time,
      width / numHeads,
    ]);
  });
}

/** The inverse of `splitHeads`. */
export function mergeHeads(x: tf.Tensor, numHeads: number): tf.Tensor3D {
  const [entries, time, depth] = x.shape as [number, number, number];
  const batch = entries / numHeads;
  return tf.tidy(() => {
    const split = tf.reshape(x, [batch, numHeads, time, depth]);
    return tf.reshape(tf.transpose(split, [0, 2, 1, 3]), [batch, time, numHeads * depth]);
  });
}

/** Rows `[start, end)` of the middle axis; the tensor itself, shared, where that is all of it. */
export function sliceTime(x: tf.Tensor, start: number, end: number): tf.Tensor3D {
  const [entries, time, depth] = x.shape as [number, number, number];
  if (start === 0 && end === time) return tf.clone(x) as tf.Tensor3D;
  return tf.slice(x as tf.Tensor3D, [0, start, 0], [entries, end - start, depth]);
}

/** Undoes a `sliceTime` that began at 0: zeros behind. */
export function padTime(x: tf.Tensor, time: number): tf.Tensor3D {
  const missing = time - (x.shape[1] as number);
  if (missing === 0) return tf.clone(x) as tf.Tensor3D;
  return tf.pad(x as tf.Tensor3D, [
    [0, 0],
    [0, missing],
    [0, 0],
  ]);
}
