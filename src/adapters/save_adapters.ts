/** Saving a model's adapters alone. */
import type * as tfl from '@tensorflow/tfjs-layers';

import { type OptionNames, requireOptions } from '../common/options';
import { metadataStrings, metadataToWrite } from '../weights/checkpoint_metadata';
import { type TensorToWrite, writeSafetensors } from '../weights/safetensors/writer';
import {
  type BaseWeight,
  baseWeights,
  checksumOf,
  DOWN,
  FORMAT,
  FORMAT_KEY,
  stateIn,
  UP,
} from './adapter_file';
import { requireAdapters, treeOf } from './adapter_set';

/** Options of `saveAdapters`. */
export interface SaveAdaptersOptions {
  /** Further strings for the file's header. */
  metadata?: Readonly<Record<string, string>>;
  /** Stops before the next tensor; nothing is left behind. */
  signal?: AbortSignal;
}

const OPTIONS: OptionNames<SaveAdaptersOptions> = { metadata: true, signal: true };

/**
 * Saves a model's adapters as safetensors, a few megabytes: two tensors for each projection, named by its
 * path. What is trained beside them (a head whose `trainable` was set) and moving statistics are in the
 * file as well; everything else is the base, of which the header has the model's name and a checksum. How pictures are
 * prepared and what classes are called is there as in what `saveCheckpoint` writes.
 *
 * @param path file to write, in Node; it appears only when complete. Without it the answer is a `Blob`
 * @throws {Error} when the model has no adapters, or they are merged
 * @throws {CheckpointError} 'io' when the file cannot be written; 'unsupported' when a path is given outside
 *   Node
 * @throws `signal.reason` when stopped
 */
export async function saveAdapters(
  model: tfl.LayersModel,
  path: string,
  options?: SaveAdaptersOptions,
): Promise<void>;
export async function saveAdapters(
  model: tfl.LayersModel,
  path?: undefined,
  options?: SaveAdaptersOptions,
): Promise<Blob>;
export async function saveAdapters(
  model: tfl.LayersModel,
  path?: string,
  options: SaveAdaptersOptions = {},
): Promise<Blob | void> {
  requireOptions('saveAdapters', options, OPTIONS);
  const { metadata = {}, signal } = options;
  const set = requireAdapters('saveAdapters', model);
  const told = metadataStrings(metadataToWrite('saveAdapters', model));
  const tree = treeOf(model);
  const state = stateIn(tree);
  const all = baseWeights(tree, set);
  // Not the flags of weights: a nested tf.Sequential raises those of frozen layers when it first runs.
  const trained = new Set(model.trainableWeights);
  const changing = ({ weight }: BaseWeight) => trained.has(weight) || state.has(weight);
  const tensors = [
    ...set.adapters.flatMap(({ projection, down, up }) => [
      toWrite(`${projection.path}${DOWN}`, down),
      toWrite(`${projection.path}${UP}`, up),
    ]),
    ...all.filter(changing).map(({ path: name, weight }) => toWrite(name, weight)),
  ];
  const checksum = await checksumOf(all.filter((weight) => !changing(weight)));
  return writeSafetensors(tensors, path as undefined, {
    signal,
    metadata: {
      format: 'pt',
      ...told,
      ...metadata,
      [FORMAT_KEY]: FORMAT,
      base_model: model.name,
      base_checksum: checksum,
      rank: String(set.rank),
      alpha: String(set.alpha),
    },
  });
}

function toWrite(name: string, weight: tfl.LayerVariable): TensorToWrite {
  return {
    name,
    shape: weight.shape as number[],
    read: async () => (await weight.read().data()) as Float32Array,
  };
}
