/** Adding rows to those of a table: the gradient of a gather. */
import * as tf from '@tensorflow/tfjs-core';

/**
 * Sums `rows` `[n, width]` into a table by their index, `[tableRows, width]`. Those of one index add up.
 *
 * @param indices `[n]`, int32, each in [0, tableRows)
 */
export function scatterRows(rows: tf.Tensor, indices: tf.Tensor, tableRows: number): tf.Tensor {
  const [count, width] = rows.shape as [number, number];
  if (tf.getKernel('UnsortedSegmentSum', tf.getBackend()) != null) {
    return tf.unsortedSegmentSum(rows, indices as tf.Tensor1D, tableRows);
  }
  return tf.scatterND(tf.reshape(indices, [count, 1]), rows, [tableRows, width]);
}
