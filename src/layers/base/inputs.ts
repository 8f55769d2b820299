/** Inputs and shapes of layers, of which tfjs gives one or a list. */
import type * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { show } from '../../common/arguments';

type Shape = (number | null)[];

/** One tensor or several, as a list. */
export function toTensors(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor[] {
  return Array.isArray(inputs) ? inputs : [inputs];
}

/** One shape or several, as a list. */
export function toShapes(shape: Shape | Shape[]): Shape[] {
  return Array.isArray(shape[0]) ? (shape as Shape[]) : [shape as Shape];
}

/** Width of `[batch, time, width]`. */
export function sequenceWidth(owner: string, shape: tfl.Shape): number {
  const width = shape[2];
  if (shape.length === 3 && width != null) return width;
  throw new Error(
    `${owner}: input shape ${show(shape)}; expected [batch, time, width] with known width`,
  );
}
