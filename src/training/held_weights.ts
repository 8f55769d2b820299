/** Weights as they were before a step, for when it fails. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { keptValue } from '../ops/engine/writes';

/**
 * Holds the values of a model's weights, moving statistics included, without copying them: a weight that gets another
 * value gets it as another buffer.
 */
export class HeldWeights {
  private readonly variables: readonly tf.Variable[];
  private readonly held: tf.Tensor[] = [];

  constructor(weights: readonly tfl.LayerVariable[]) {
    this.variables = [...new Set(weights)].map((weight) => weight.read() as tf.Variable);
    try {
      for (const variable of this.variables) this.held.push(keptValue(variable));
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  /** Gives those that have changed what they had. No kernel runs. */
  restore(): void {
    this.variables.forEach((variable, i) => {
      const before = this.held[i] as tf.Tensor;
      if (!variable.isDisposed && variable.dataId !== before.dataId) variable.assign(before);
    });
  }

  /** Lets go of them. */
  dispose(): void {
    tf.dispose(this.held);
  }
}
