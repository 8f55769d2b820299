/** Saving a model so that PyTorch can load it. */
import type * as tfl from '@tensorflow/tfjs-layers';

import { requireModel, requireOneOf } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import { readTensor } from '../ops/engine/lost_backend';
import { metadataStrings, metadataToWrite, readMetadata } from './checkpoint_metadata';
import { CheckpointError } from './errors';
import { type LabelMetadata, labelStrings, openMMLabMeta, requireLabels } from './label_metadata';
import { type LayerRoles, type ModelLike, modelWeights } from './names/model_weights';
import { isBesideBackbone } from './names/published_names';
import { OWN } from './names/weight_layout';
import { writePyTorch } from './pytorch/write_pytorch';
import { type TensorToWrite, type WriteOptions, writeSafetensors } from './safetensors/writer';

/** Options of {@link saveCheckpoint}. */
export interface SaveOptions extends Omit<WriteOptions, 'onProgress'>, LabelMetadata {
  /**
   * `'safetensors'` (default), or `'openmmlab'`: a `.pth` file of PyTorch, `{meta, state_dict}`, as
   * mmsegmentation and mmdetection load it. `metadata`, `classes` and `palette` go into `meta`.
   */
  format?: 'safetensors' | 'openmmlab';
  /** Which of the model's layers are the backbone and the head, where that cannot be told. */
  layers?: LayerRoles;
  /**
   * What to do with weights of layers that are not RevCol's, for which there is no published name:
   * `'throw'` (default), `'skip'` them, or `'keep'` them under their own names and in tfjs's layout, where
   * `loadCheckpoint` finds them.
   */
  others?: 'throw' | 'skip' | 'keep';
  /** Called with the fraction written so far, from 0 to 1. */
  onProgress?: (fraction: number) => void;
}

const OPTIONS: OptionNames<SaveOptions> = {
  format: true,
  metadata: true,
  classes: true,
  palette: true,
  signal: true,
  layers: true,
  others: true,
  onProgress: true,
};

/**
 * Saves a model's weights as safetensors, under the published names, in PyTorch's layout, float32:
 * what `safetensors.torch.load_file` reads and the official code's `load_state_dict` takes. Those of a
 * segmenter have mmsegmentation's names (`backbone.stem...`, `decode_head...`), of a detector mmdetection's
 * (`neck...`, `rpn_head...`, `roi_head...`), and counts of batches are
 * int64. With `format: 'openmmlab'` the file is a `.pth` of PyTorch. Memory:
 * the largest tensor twice (and the whole file for a `Blob`, where the browser keeps it there).
 *
 * How pictures are prepared and what classes are called, which weights do not tell, goes into the file's metadata
 * (safetensors: the header; OpenMMLab: `meta`) as `tfjs_revcol`, JSON: what is saved with the model as its user-defined
 * metadata (`mean`, `std`, `crop`, `classNames`, ...), the size of its images, and mean and deviation of `pixelMean` and
 * `pixelStd` of the backbone. `loadCheckpoint` and the commands read it. PyTorch does not look at it. The latter
 * two are also there as `pixel_mean` and `pixel_std`, JSON lists, in their own units, for whoever builds the model again.
 *
 * @param path file to write, in Node; it appears only when complete. Without it the answer is a
 * `Blob`.
 * Of metadata under these names that tell nothing of the kind, a warning says that the file does not have them.
 *
 * @throws {CheckpointError} 'mismatch' when a weight has no published name; 'unsupported' when a value of
 * `metadata` is no string; 'io' when the file cannot
 * be written, and the one that was there is then as it was; 'unsupported' when a path is given outside
 * Node.
 * @throws `signal.reason` when stopped
 */
export async function saveCheckpoint(
  model: ModelLike,
  path: string,
  options?: SaveOptions,
): Promise<void>;
export async function saveCheckpoint(
  model: ModelLike,
  path?: undefined,
  options?: SaveOptions,
): Promise<Blob>;
export async function saveCheckpoint(
  model: ModelLike,
  path?: string,
  options: SaveOptions = {},
): Promise<Blob | void> {
  requireOptions('saveCheckpoint', options, OPTIONS);
  const { layers, others = 'throw', onProgress, format = 'safetensors' } = options;
  const { classes, palette, signal } = options;
  requireModel('saveCheckpoint', model);
  requireOneOf('saveCheckpoint', 'format', format, ['safetensors', 'openmmlab']);
  requireLabels('saveCheckpoint', { classes, palette });
  const { mapped, others: own, unmapped } = modelWeights(model, layers);
  requireOneOf('saveCheckpoint', 'others', others, ['throw', 'skip', 'keep']);
  const lost = unmapped.find((name) => !own.has(name));
  if (others === 'keep' && lost !== undefined) {
    const isTwice = unmapped.indexOf(lost) !== unmapped.lastIndexOf(lost);
    throw new CheckpointError(
      'mismatch',
      `saveCheckpoint: ${isTwice ? 'several weights' : 'a weight'} of model ${model.name} ` +
        (isTwice
          ? `have the name ${lost}; give their layers different names`
          : `that has no published name, ${lost}, is not of float32, as all in a checkpoint are`) +
        "; or pass others: 'skip' to leave out all without a published name, or use model.save()",
    );
  }
  if (others === 'throw' && unmapped.length > 0) {
    throw new CheckpointError(
      'mismatch',
      `saveCheckpoint: ${unmapped.length} weights of model ${model.name} have no published name, ` +
        `for example ${unmapped[0]}; pass others: 'keep' to save them under their own, 'skip' to leave them out, or use model.save()`,
    );
  }
  if (mapped.size === 0) {
    throw new CheckpointError(
      'mismatch',
      `saveCheckpoint: model ${model.name} has no RevCol weights`,
    );
  }
  const { classNames, ...facts } = metadataToWrite('saveCheckpoint', model);
  const metadata: Record<string, string> = {
    ...pixelMetadata(model as Partial<tfl.LayersModel>),
    // Names that are given take the place of the model's.
    ...metadataStrings(classes ? facts : { ...facts, classNames }),
    ...options.metadata,
  };
  for (const [key, value] of Object.entries(metadata) as [string, unknown][]) {
    if (typeof value === 'string') continue;
    throw new CheckpointError(
      'unsupported',
      `saveCheckpoint: metadata.${key} is ${String(value)}; ` +
        (format === 'openmmlab'
          ? 'expected strings only'
          : 'a safetensors header holds strings only'),
    );
  }
  // What is written will be read.
  readMetadata({ metadata: new Map(Object.entries(metadata)) });
  const prefix = [...mapped.keys()].some(isBesideBackbone) ? 'backbone.' : '';
  const kept = others === 'keep' ? [...own.values()] : [];
  const tensors = [...mapped.values(), ...kept].map(
    ({ variable, published, publishedShape, layout }): TensorToWrite => ({
      name: layout === OWN || isBesideBackbone(published) ? published : prefix + published,
      shape: publishedShape,
      dtype: layout.publishedType,
      read: async () => {
        const data = (await readTensor(variable.read())) as Float32Array;
        const values = layout.toPublished(data, variable.shape as number[]);
        return layout.publishedType === 'int64' ? wholeNumbers(values) : values;
      },
    }),
  );
  const progress = onProgress && ((done: number, total: number) => onProgress(done / total));
  const writing = { signal, onProgress: progress };
  if (format === 'openmmlab') {
    const meta = openMMLabMeta({ classes, palette }, metadata);
    return writePyTorch(tensors, (state_dict) => ({ meta, state_dict }), path, writing);
  }
  return writeSafetensors(tensors, path as undefined, {
    ...writing,
    metadata: { format: 'pt', ...labelStrings({ classes, palette }), ...metadata },
  });
}

function wholeNumbers(values: Float32Array): BigInt64Array {
  return BigInt64Array.from(values, (value) => BigInt(Math.round(value)));
}

/** By what the model's backbone normalises pixels, which the weights alone do not tell. */
function pixelMetadata({ layers = [] }: Partial<tfl.LayersModel>): Record<string, string> {
  const options: [name: string, key: string][] = [
    ['pixelMean', 'pixel_mean'],
    ['pixelStd', 'pixel_std'],
  ];
  for (const layer of layers) {
    const inner = (layer as Partial<tfl.LayersModel>).layers;
    const found = inner ? pixelMetadata({ layers: inner }) : {};
    // Only of a backbone: configurations of layers that users wrote may be costly, or throw.
    const config = layer.getClassName() === 'RevColBackbone' ? layer.getConfig() : {};
    for (const [name, key] of options) {
      if (config[name] != null) found[key] = JSON.stringify([config[name]].flat());
    }
    if (Object.keys(found).length > 0) return found;
  }
  return {};
}
