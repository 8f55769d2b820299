/** Inputs and shapes of layers, of which tfjs gives one or a list. */
import type * as tf from '@tensorflow/tfjs-core';

type Shape = (number | null)[];

/** Shapes of the inputs of a layer, of which there is at least one. */
export type Shapes = [Shape, ...Shape[]];

/** Tensors of the same. */
export type Tensors = [tf.Tensor, ...tf.Tensor[]];

/** One tensor or several, as a list. */
export function toTensors(inputs: tf.Tensor | tf.Tensor[]): Tensors {
  return (Array.isArray(inputs) ? inputs : [inputs]) as Tensors;
}

/** One shape or several, as a list. */
export function toShapes(shape: Shape | Shape[]): Shapes {
  return Array.isArray(shape[0]) ? (shape as Shapes) : [shape as Shape];
}

/** The other way round: a list of one as that one, as tfjs wants it. */
export function oneOrAll<T>(list: T[]): T | T[] {
  return list.length === 1 ? (list[0] as T) : list;
}
