/** Published weights into a model. */
import type * as tfl from '@tensorflow/tfjs-layers';

import { pickOptions } from '../common/options';
import {
  FETCH_OPTIONS,
  fetchPretrained,
  type FetchPretrainedOptions,
} from '../download/fetch_pretrained';
import type { PretrainedWeights } from '../registry/pretrained';
import { loadFresh, type LoadOptions } from '../weights/load_checkpoint';

/** What the model was asked to have beyond the backbone. */
export interface ModelHeads {
  numClasses: number;
  intermediateSupervision: boolean;
  /** Channels of the images that it takes, and that its decoders make. */
  imageChannels: number;
}

/**
 * Downloads the weight set, unless the cache has it, and fills the model with it, which nobody has seen yet. A classifier of
 * another number of classes than the set's, and supervision that the set was published without, keep
 * their random values, with a warning.
 *
 * @throws DownloadError; `signal.reason` when aborted; CheckpointError `'mismatch'` where the rest of
 * the model is not the set's, or takes other channels and `inputChannels` is not `'adapt'`. Some of the
 * model's weights may be set then.
 */
export async function loadPretrained(
  model: tfl.LayersModel,
  record: PretrainedWeights,
  { numClasses, intermediateSupervision, imageChannels }: ModelHeads,
  options: FetchPretrainedOptions & Pick<LoadOptions, 'inputChannels'>,
): Promise<void> {
  const source = await fetchPretrained(record, pickOptions(options, FETCH_OPTIONS));
  options.signal?.throwIfAborted();
  const headFits =
    numClasses === record.numClasses &&
    (!intermediateSupervision ||
      (record.intermediateSupervision && imageChannels === record.inputSize[2]));
  await loadFresh(model, source, {
    key: record.checkpointKey,
    head: headFits ? 'load' : 'skip',
    supervision: intermediateSupervision ? 'load' : 'skip',
    inputChannels: options.inputChannels,
  });
}
