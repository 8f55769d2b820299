import { slice, type Tensor } from '@tensorflow/tfjs-core';

/** The last token of every sequence alone: `[batch, time, width]` to `[batch, 1, width]`. */
export function lastToken(x: Tensor): Tensor {
  const [batch, time, width] = x.shape as [number, number, number];
  return slice(x, [0, time - 1, 0], [batch, 1, width]);
}
