/** Models with published weights: built, filled, or nothing. */
import type * as tfl from '@tensorflow/tfjs-layers';

import { classCount } from '../common/class_output';
import { addMetadata, metadataOf } from '../common/model_metadata';
import { pickOptions } from '../common/options';
import {
  type Downloadable,
  FETCH_OPTIONS,
  fetchPretrained,
  type FetchPretrainedOptions,
} from '../download/fetch_pretrained';
import { deferringValues } from '../layers/base/deferred_values';
import { drawSeed, withSeededRandom } from '../ops/engine/random';
import { recordMetadata, type TellingRecord } from '../registry/record_metadata';
import { loadFresh, type LoadOptions } from '../weights/load_checkpoint';

/** A published weight set, as far as loading goes. */
interface LoadableSet extends Downloadable, TellingRecord {
  readonly checkpointKey?: string;
  /** Whether its file has what only training needs, where that may be missing. */
  readonly intermediateSupervision?: boolean;
}

/** What the model was asked to have beyond the backbone. */
export interface ModelHeads {
  numClasses: number;
  /** Whether it has what only training needs: intermediate supervision, or an auxiliary head. */
  supervised: boolean;
  /** Channels of the images that it takes, and that its decoders make. */
  imageChannels: number;
}

type LoadedOptions = FetchPretrainedOptions & Pick<LoadOptions, 'inputChannels'>;

/**
 * Builds a model whose weights are then downloaded, unless the cache has them. A classifier of another
 * number of classes than the set's, and supervision that the set was published without, keep random
 * values, with a warning. How pictures are prepared and what classes are called is saved with the model.
 *
 * @throws {DownloadError} when the file cannot be had; `signal.reason` when aborted
 * @throws {CheckpointError} 'mismatch' where the rest of the model is not the set's, or takes other
 * channels and `inputChannels` is not `'adapt'`. The model is disposed of then.
 */
export async function createLoaded(
  build: () => tfl.LayersModel,
  record: LoadableSet,
  heads: ModelHeads,
  options: LoadedOptions,
): Promise<tfl.LayersModel> {
  options.signal?.throwIfAborted();
  // Built before the download: a wrong option should not cost gigabytes.
  const { result: model, drawRest } = deferringValues(build);
  // What is drawn after the download is determined by the random numbers of now, which a caller may have seeded.
  const seed = drawSeed();
  try {
    await loadPretrained(model, record, heads, options);
    withSeededRandom(seed, drawRest);
    const sides = model.inputs[0]?.shape.slice(1, 3) ?? [];
    const told = recordMetadata(record, { numClasses: classCount(model), sides });
    // What the file itself says comes first.
    addMetadata(model, { ...told, ...metadataOf(model) });
  } catch (error) {
    model.dispose();
    throw error;
  }
  return model;
}

async function loadPretrained(
  model: tfl.LayersModel,
  record: LoadableSet,
  { numClasses, supervised, imageChannels }: ModelHeads,
  options: LoadedOptions,
): Promise<void> {
  const source = await fetchPretrained(record, pickOptions(options, FETCH_OPTIONS));
  options.signal?.throwIfAborted();
  const { intermediateSupervision: hasSupervision = true } = record;
  const headFits =
    numClasses === record.numClasses &&
    (!supervised || (hasSupervision && imageChannels === record.inputSize?.[2]));
  await loadFresh(model, source, {
    key: record.checkpointKey,
    head: headFits ? 'load' : 'skip',
    supervision: supervised ? 'load' : 'skip',
    inputChannels: options.inputChannels,
  });
}
