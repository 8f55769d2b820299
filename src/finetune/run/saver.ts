/** Saving a run as it goes: now and then, and without ending anything when it fails. */
import type * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { warn } from '../../common/harmless';
import { messageOf } from '../../common/messages';
import type { TrainingParts } from '../../training/saved_training';
import type { RunSettings } from '../base/options';
import { type SavedRun, saveRun, type TrainingPlaces } from './training_files';

/** What of the options saving goes by. */
export type SaverOptions = Pick<RunSettings, 'saveEvery' | 'onSaveFailed'>;

/** Saves to the places of a run. */
export class Saver {
  private lastSave = performance.now();

  constructor(
    private readonly owner: string,
    private readonly places: TrainingPlaces,
    private readonly options: SaverOptions,
  ) {}

  /** Whether a share of the time between two times of saving has passed. */
  isDue(share: number): boolean {
    const { saveEvery = 60 } = this.options;
    return (performance.now() - this.lastSave) / 1000 >= share * saveEvery;
  }

  /** Saves the state after the last step. */
  async saveLast(parts: TrainingParts, run: SavedRun): Promise<void> {
    await this.trySaving(() => saveRun(this.places.last, parts, run));
    this.lastSave = performance.now();
  }

  /** Saves the state with the best weights in the model. */
  async saveBest(model: tfl.LayersModel, optimizer: tf.Optimizer, run: SavedRun): Promise<void> {
    await this.trySaving(() => saveRun(this.places.best, { model, optimizer }, run));
  }

  /** Failing to save ends nothing: what was saved before is there, and training may go on. */
  private async trySaving(save: () => Promise<void>): Promise<void> {
    try {
      await save();
    } catch (error) {
      const { onSaveFailed } = this.options;
      if (onSaveFailed) onSaveFailed(error);
      else warn(`${this.owner}: saving failed, training goes on: ${messageOf(error)}`);
    }
  }
}
