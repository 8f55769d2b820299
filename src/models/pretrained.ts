/** Published weights into a model. */
import type * as tfl from '@tensorflow/tfjs-layers';

import { fetchPretrained, type FetchPretrainedOptions } from '../download/fetch_pretrained';
import type { PretrainedWeights } from '../registry/pretrained';
import { loadCheckpoint } from '../weights/load_checkpoint';

/** What the model was asked to have beyond the backbone. */
export interface ModelHeads {
  numClasses: number;
  intermediateSupervision: boolean;
}

/**
 * Downloads the weight set, unless the cache has it, and fills the model with it. A classifier of
 * another number of classes than the set's, and supervision that the set was published without, keep
 * their random values, with a warning.
 *
 * @throws DownloadError; `signal.reason` when aborted; CheckpointError `'mismatch'` where the rest of
 * the model is not the set's. The model is then unchanged.
 */
export async function loadPretrained(
  model: tfl.LayersModel,
  record: PretrainedWeights,
  { numClasses, intermediateSupervision }: ModelHeads,
  options: FetchPretrainedOptions,
): Promise<void> {
  const source = await fetchPretrained(record, options);
  options.signal?.throwIfAborted();
  const headFits =
    numClasses === record.numClasses &&
    (!intermediateSupervision || record.intermediateSupervision);
  await loadCheckpoint(model, source, {
    key: record.checkpointKey,
    head: headFits ? 'load' : 'skip',
    supervision: intermediateSupervision ? 'load' : 'skip',
  });
}
