/** What of a training is saved together, and where it is saved to. */
import type * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import type { CheckpointSource } from '../weights/bytes/source';
import type { NamedTensor } from './saved_states';

/** What saves as tensors with names, as tfjs's optimizers do. */
export interface SavesWeights {
  /** Its tensors; those that are its own stay its own. */
  getWeights(): Promise<NamedTensor[]>;
  /** Goes on from what `getWeights` gave, of this one or another like it; copies the tensors. */
  setWeights(weights: NamedTensor[]): Promise<void>;
}

/** What changes in training, and therefore is saved together. */
export interface TrainingParts {
  /** All weights of it, frozen ones, moving statistics and adapters included. */
  model: tfl.LayersModel;
  /** Its moments, steps, learning rate, and whatever else it keeps. */
  optimizer: tf.Optimizer;
  /** Averages of the weights, such as `Ema`. */
  ema?: SavesWeights;
  /** Variables beside the model's weights, always in the same order. Default none. */
  variables?: readonly tf.Variable[];
}

/** What `saveTraining` saves. */
export interface TrainingToSave extends TrainingParts {
  /** Number of steps taken, so the number of the next one where steps count from 0. */
  step: number;
  /** Anything else, as plain JSON: null, booleans, finite numbers, strings, and lists and objects of these. */
  extra?: unknown;
}

/** What was saved beside the parts. */
export interface SavedTraining {
  step: number;
  /** A copy of what was given; undefined where nothing was. */
  extra: unknown;
}

/**
 * Where training is saved: a path, in Node; `'indexeddb://NAME'`, in browsers.
 */
export type TrainingTarget = string;

/** Where saved training is loaded from: such a place, or the bytes, wherever they are. */
export type TrainingSource = TrainingTarget | CheckpointSource;
