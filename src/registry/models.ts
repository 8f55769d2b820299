/** Records of what can be built: sizes and published weight sets. */
import { requireOneOf } from '../common/arguments';
import { matchesGlob } from '../common/glob';
import { type OptionNames, requireOptions } from '../common/options';
import { countMultiplyAdds, countParameters } from './describe';
import {
  countSegmenterMultiplyAdds,
  countSegmenterParameters,
  segmenterOf,
} from './describe_segmenter';
import { MODEL_NAMES, type ModelName, type Named, parseName } from './names';
import type { PretrainedWeights } from './pretrained';
import type { SegmentationWeights } from './segmentation';
import { classifierOf, MODEL_SIZES, type ModelSize, VIT_SIZES, type VitSize } from './sizes';

/** What is known of one model name. */
export interface ModelRecord {
  readonly name: ModelName;
  /** The architecture. One with `numHeads` is a RevCol-ViT. */
  readonly size: ModelSize | VitSize;
  /** The published weights of a classifier, when the name has a tag. */
  readonly weights?: PretrainedWeights;
  /** The published weights of a segmenter, when the name is that of one; `size` is its backbone's. */
  readonly segmentation?: SegmentationWeights;
  /**
   * Trainable parameters of the model that this name builds, with one classifier: 1000 classes
   * for a size. Undefined when the number of classes is not published. Of a segmenter without the
   * auxiliary head, which only training has.
   */
  readonly parameters?: number;
  /**
   * Multiply-adds of its forward pass of one image, of the weights' or the size's input size: half
   * the floating point operations, and what papers call FLOPs. Undefined with `parameters`.
   */
  readonly multiplyAdds?: number;
}

export interface ListModelsOptions {
  /** `true`: only published weight sets; `false`: only sizes; left out: both. */
  pretrained?: boolean;
  /** Only classifiers (sizes are of these), or only segmenters; left out: both. */
  task?: 'classification' | 'segmentation';
  /** Glob over names, `*` for any text and `?` for one character, e.g. `'*_ft_in1k_*'`. */
  filter?: string;
}

const OPTIONS: OptionNames<ListModelsOptions> = {
  pretrained: true,
  task: true,
  filter: true,
};

function sizeRecord(name: Named['size']): ModelSize | VitSize {
  return name in VIT_SIZES
    ? VIT_SIZES[name as VitSize['name']]
    : MODEL_SIZES[name as ModelSize['name']];
}

function recordOf({ name, size: sizeName, weights, segmentation }: Named): ModelRecord {
  const size = sizeRecord(sizeName);
  if (segmentation) {
    const model = segmenterOf(segmentation);
    return {
      name,
      size,
      segmentation,
      parameters: countSegmenterParameters(model),
      multiplyAdds: countSegmenterMultiplyAdds(model, segmentation.inputSize),
    };
  }
  if (weights && weights.numClasses === undefined) return { name, size, weights };
  const [height, width] = weights?.inputSize ?? [size.imageSize, size.imageSize];
  const model = classifierOf(size, weights?.numClasses, [height, width]);
  return {
    name,
    size,
    weights,
    parameters: countParameters(model),
    multiplyAdds: countMultiplyAdds(model, [height, width]),
  };
}

/** Made when somebody asks: counting takes some milliseconds. */
const records = new Map<ModelName, ModelRecord>();

/**
 * The record of one model name.
 *
 * @param owner name of the function that was called, for the message
 * @throws {Error} for an unknown name, with the names that come nearest
 */
export function modelRecord(owner: string, name: string): ModelRecord {
  const named = parseName(owner, name);
  const known = records.get(named.name);
  if (known) return known;
  const record = recordOf(named);
  records.set(named.name, record);
  return record;
}

/**
 * Records of every size and published weight set: those of RevCol, then those of RevCol-ViT, then the
 * segmenters, each with the smallest size first.
 *
 * @example
 * listModels({ pretrained: true, filter: 'revcol_base*' }).map((record) => record.name);
 */
export function listModels(options: ListModelsOptions = {}): ModelRecord[] {
  requireOptions('listModels', options, OPTIONS);
  const { pretrained, task, filter } = options;
  if (task !== undefined) {
    requireOneOf('listModels', 'task', task, ['classification', 'segmentation']);
  }
  const isWanted = ({ weights, segmentation }: ModelRecord) =>
    (pretrained === undefined || pretrained === ((weights ?? segmentation) !== undefined)) &&
    (task === undefined || (task === 'segmentation') === (segmentation !== undefined));
  return MODEL_NAMES.filter((name) => filter === undefined || matchesGlob(name, filter))
    .map((name) => modelRecord('listModels', name))
    .filter(isWanted);
}
