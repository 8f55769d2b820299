/** The base of a detector's layers: weights of parts, found by their names. */
import type * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { show } from '../../common/arguments';
import { addBias } from '../../ops/dense/add_bias';
import { conv } from '../../ops/dense/conv';
import { linear } from '../../ops/linear';
import { CompositeLayer } from '../base/composite_layer';
import type { PartSpecs } from './parts';

/** What a call of a layer may say. */
export interface CallKwargs {
  training?: boolean;
}

/** A layer that is made of convolutions and products with biases. */
export abstract class PartsLayer extends CompositeLayer {
  /** Adds the weights of parts. To be called from `build`. */
  protected addWeights(parts: readonly PartSpecs[]): void {
    for (const { specs, stddev } of parts) this.addSpecs(specs, true, stddev);
  }

  /** The variable of a weight. */
  protected variable(name: string): tf.Variable {
    const [, weight] = this.namedWeights.find(([known]) => known === name) as [
      string,
      tfl.LayerVariable,
    ];
    return weight.read() as tf.Variable;
  }

  /** A product of the last axis with the matrix of a part, and its bias. */
  protected project(path: string, x: tf.Tensor): tf.Tensor {
    return linear(x, this.variable(`${path}/kernel`), this.variable(`${path}/bias`));
  }

  /** The convolution of a part, its bias, and ReLU if asked for. */
  protected convolve(path: string, x: tf.Tensor, relu: boolean): tf.Tensor {
    return addBias(conv(x, this.variable(`${path}/kernel`)), this.variable(`${path}/bias`), relu);
  }
}

/**
 * Asserts features of regions of as many bins as a layer was built for.
 *
 * @throws {Error} when there are others, so far as they are known
 */
export function requireBins(
  owner: string,
  shape: tfl.Shape | undefined,
  [rows, columns]: readonly [number, number],
): void {
  const [, height, width] = shape ?? [];
  if ((height ?? rows) === rows && (width ?? columns) === columns) return;
  throw new Error(
    `${owner}: input shape ${show(shape)}; expected ${rows} x ${columns} bins, for which the layer was built`,
  );
}
