/** Loading a training that was saved, and looking at one. */
import * as tf from '@tensorflow/tfjs-core';

import { requireOneOf } from '../common/arguments';
import { messageOf } from '../common/messages';
import { type OptionNames, requireOptions } from '../common/options';
import { requireBackend } from '../ops/engine/lost_backend';
import { CheckpointError } from '../weights/errors';
import { requireFit } from './fitting_training';
import { type KeyedVariable, keyedVariables } from './keyed_weights';
import { readOptimizer } from './restored_optimizer';
import type { NamedTensor } from './saved_states';
import type {
  SavedTraining,
  SavesWeights,
  TrainingParts,
  TrainingSource,
  TrainingTarget,
} from './saved_training';
import { assignValues, tensorFrom } from './tensor_values';
import { openTraining, type TrainingFile } from './training_file';
import { emaName } from './training_manifest';
import { requireParts } from './training_parts';
import { removeTarget, sourceBytes, targetBytes } from './training_target';

const OWNER = 'loadTraining';

/** Options of `loadTraining`. */
export interface LoadTrainingOptions {
  /**
   * Whether the optimizer must have been made with the arguments of the one that was saved, and be seeded
   * as that was: `'same'`; or `'any'`, and then its own count. The learning rate is no such argument but
   * state, which is loaded; and `fused` makes no difference. Default `'same'`.
   */
  hyperparameters?: 'same' | 'any';
}

const OPTIONS: OptionNames<LoadTrainingOptions> = { hyperparameters: true };

const PARTS: OptionNames<TrainingParts> = {
  model: true,
  optimizer: true,
  ema: true,
  variables: true,
};

/**
 * Goes on from what `saveTraining` has saved: gives the model, the optimizer and what else there is
 * the state that those had. They are made as they were then, by the same code, and with the same weights
 * frozen; the model is built. The process, the backend, and the names that tfjs gives may be others.
 *
 * The whole file is read and its checksum compared, and everything else is checked, before anything
 * changes. Then it is read once more, a tensor at a time: memory is that of what is loaded and of the largest
 * tensor (averages once more).
 *
 * @param source a path (Node) or `'indexeddb://NAME'`; or a URL, a `Blob`, bytes
 * @returns what was saved beside the parts
 * @throws {Error} when a part is none
 * @throws {CheckpointError} 'mismatch' when the parts are not like those that were saved, and the message
 *   says what differs; 'format' when it is no saved training, 'corrupt' when it is damaged, 'unsupported'
 *   when another version of this package wrote it; 'io' when there is nothing, or it cannot be read. Nothing
 *   has changed then, unless the message says so: where a disk fails in the second reading
 * @throws {BackendLostError} when the backend has lost its device
 *
 * @example
 * const { step } = await loadTraining('run.safetensors', { model, optimizer });
 */
export async function loadTraining(
  source: TrainingSource,
  parts: TrainingParts,
  options: LoadTrainingOptions = {},
): Promise<SavedTraining> {
  requireOptions(OWNER, options, OPTIONS);
  requireOptions(OWNER, parts, PARTS);
  requireParts(OWNER, parts);
  const { hyperparameters = 'same' } = options;
  requireOneOf(OWNER, 'hyperparameters', hyperparameters, ['same', 'any']);
  requireBackend();
  const file = await openTraining(await sourceBytes(OWNER, source));
  try {
    // First: what is said of damaged tensors may be damaged.
    await file.verify();
    const keyed = keyedVariables(parts);
    requireFit(file, parts, keyed, hyperparameters === 'same');
    await restore(file, parts, keyed);
    return besideParts(file);
  } finally {
    await file.close();
  }
}

function besideParts({ manifest: { step, extra } }: TrainingFile): SavedTraining {
  return { step, extra };
}

async function restore(
  file: TrainingFile,
  { optimizer, ema }: TrainingParts,
  keyed: readonly KeyedVariable[],
): Promise<void> {
  const ready = await readOptimizer(file, optimizer, keyed);
  try {
    if (ema) await restoreEma(file, ema);
    for (const [i, { key, variable }] of keyed.entries()) {
      const values = await file.read(key).catch((cause: unknown) => {
        throw new CheckpointError(
          'io',
          `${OWNER}: reading failed when ${i} of ${keyed.length} weights had been loaded; load again ` +
            `before training goes on: ${messageOf(cause)}`,
          { cause },
        );
      });
      assignValues(variable, values);
    }
  } catch (error) {
    ready.dispose();
    throw error;
  }
  await ready.commit();
}

async function restoreEma(file: TrainingFile, ema: SavesWeights): Promise<void> {
  const averages: NamedTensor[] = [];
  try {
    for (const [i, name] of (file.manifest.ema?.names ?? []).entries()) {
      averages.push({ name, tensor: tensorFrom(await file.read(emaName(i))) });
    }
    await ema.setWeights(averages);
  } finally {
    tf.dispose(averages.map(({ tensor }) => tensor));
  }
}

/**
 * What is saved at a place, without loading it. Its checksum is not compared.
 *
 * @param target a path in Node, `'indexeddb://NAME'` in browsers
 * @returns null where there is nothing
 * @throws {CheckpointError} 'format' when it is no saved training, 'corrupt' when it is cut short; 'io' when
 *   it cannot be read; 'unsupported' when another version wrote it, or there is no such place here
 */
export async function savedTraining(target: TrainingTarget): Promise<SavedTraining | null> {
  const bytes = await targetBytes('savedTraining', target);
  if (!bytes) return null;
  const file = await openTraining(bytes);
  await file.close();
  return besideParts(file);
}

/**
 * Removes what is saved at a place, if there is something.
 *
 * @param target a path in Node, `'indexeddb://NAME'` in browsers
 * @throws {CheckpointError} 'io' when it cannot be removed; 'unsupported' when there is no such place here
 */
export async function removeTraining(target: TrainingTarget): Promise<void> {
  await removeTarget('removeTraining', target);
}
