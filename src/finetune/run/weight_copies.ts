/** Copies of weights on the CPU: of the best epoch, and of how a model was given. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { readTensor } from '../../ops/engine/lost_backend';
import type { NamedTensor } from '../../training/saved_states';
import type { SavesWeights } from '../../training/saved_training';

/** A copy of some weights, as long as one has been taken. */
export class WeightCopies implements SavesWeights {
  private values: readonly tf.TypedArray[] | null = null;

  constructor(private readonly weights: readonly tfl.LayerVariable[]) {}

  /** Whether there is a copy. */
  get isTaken(): boolean {
    return this.values !== null;
  }

  /** Copies the weights as they are now. */
  async take(): Promise<void> {
    const copies: tf.TypedArray[] = [];
    for (const weight of this.weights) {
      copies.push((await readTensor(weight.read())).slice() as tf.TypedArray);
    }
    this.values = copies;
  }

  /** Gives the weights what was copied; nothing where there is no copy. */
  put(): void {
    this.values?.forEach((values, i) => {
      const variable = (this.weights[i] as tfl.LayerVariable).read() as tf.Variable;
      tf.tidy(() => variable.assign(tf.tensor(values, variable.shape, variable.dtype)));
    });
  }

  /** The copy as tensors that are the caller's, by number; none where there is no copy. */
  async getWeights(): Promise<NamedTensor[]> {
    return (this.values ?? []).map((values, i) => {
      const { shape, dtype } = (this.weights[i] as tfl.LayerVariable).read();
      return { name: String(i), tensor: tf.tensor(values, shape, dtype) };
    });
  }

  async setWeights(saved: NamedTensor[]): Promise<void> {
    const copies: tf.TypedArray[] = [];
    for (const { tensor } of saved) {
      copies.push((await readTensor(tensor)).slice() as tf.TypedArray);
    }
    this.values = copies.length === this.weights.length ? copies : null;
  }
}
