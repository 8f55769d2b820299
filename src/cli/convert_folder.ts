/** A saved model as a checkpoint, for `convert`. */
import { CheckpointError } from '../weights/errors';
import { saveCheckpoint } from '../weights/save_checkpoint';
import { activateBackend } from './base/backend';
import { openFolder } from './models/dense_kind';
import type { DenseOptions } from './models/dense_model';

/**
 * The checkpoint that a saved model makes, in memory.
 *
 * @param file its `model.json`
 * @throws {Error} when options are given that are for checkpoints, or the model has weights that no checkpoint has a name for
 */
export async function checkpointOfFolder(
  file: string,
  options: Pick<DenseOptions, 'key' | 'prefix' | 'signal'>,
): Promise<Blob> {
  await activateBackend();
  const model = await openFolder(file, options);
  try {
    return await saveCheckpoint(model, undefined, { signal: options.signal });
  } catch (error) {
    if (!(error instanceof CheckpointError) || error.code !== 'mismatch') throw error;
    throw new Error(
      `${file} has weights that no published checkpoint has a name for, as it has for those of a backbone of RevCol ` +
        `with its head; in a program saveCheckpoint(model, file, { others: 'keep' }) saves them under names of their own`,
      { cause: error },
    );
  } finally {
    model.dispose();
  }
}
