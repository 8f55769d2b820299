/** Records of what can be built: sizes and weight sets. */
import { requireOneOf } from '../common/arguments';
import { matchesGlob } from '../common/glob';
import { type OptionNames, requireOptions } from '../common/options';
import { countMultiplyAdds, countParameters } from './describe';
import {
  countDetectorMultiplyAdds,
  countDetectorParameters,
  detectorOf,
} from './describe_detector';
import {
  countSegmenterMultiplyAdds,
  countSegmenterParameters,
  segmenterOf,
} from './describe_segmenter';
import type { DetectionWeights } from './detection';
import { MODEL_NAMES, type ModelName, type Named, parseName } from './names';
import type { PretrainedWeights } from './pretrained';
import type { SegmentationWeights } from './segmentation';
import { classifierOf, MODEL_SIZES, type ModelSize, VIT_SIZES, type VitSize } from './sizes';
import { TEXT_SIZES, type TextSize, type TextWeights } from './text';

/** What is known of one model name. */
export interface ModelRecord {
  readonly name: ModelName;
  /** The architecture. One with `vocabularySize` is of texts, another with `numHeads` a RevCol-ViT. */
  readonly size: ModelSize | VitSize | TextSize;
  /** The published weights of a classifier, when the name has a tag. */
  readonly weights?: PretrainedWeights;
  /** The published weights of a segmenter, when the name is that of one; `size` is its backbone's. */
  readonly segmentation?: SegmentationWeights;
  /** The published weights of a detector, when the name is that of one; `size` is its backbone's. */
  readonly detection?: DetectionWeights;
  /** The weights of a text classifier, when the name is that of one. */
  readonly text?: TextWeights;
  /**
   * Trainable parameters of the model that this name builds, with one classifier: 1000 classes
   * for a size. Undefined when the number of classes is not published. Of a segmenter without the
   * auxiliary head, which only training has.
   */
  readonly parameters?: number;
  /**
   * Multiply-adds of its forward pass of one image, of the weights' or the size's input size: half
   * the floating point operations, and what papers call FLOPs. Undefined with `parameters`. Of a detector with
   * 1000 regions and 100 objects. Undefined of a text classifier, whose texts differ in length.
   */
  readonly multiplyAdds?: number;
}

/** What a model tells of images, or of texts. */
type Task = 'classification' | 'segmentation' | 'detection' | 'text';

const TASKS: readonly Task[] = ['classification', 'segmentation', 'detection', 'text'];

export interface ListModelsOptions {
  /** `true`: only published weight sets; `false`: only sizes; left out: both. */
  pretrained?: boolean;
  /** Only classifiers (sizes are of these), segmenters, detectors, or classifiers of texts; left out: all. */
  task?: Task;
  /** Glob over names, `*` for any text and `?` for one character, e.g. `'*_ft_in1k_*'`. */
  filter?: string;
}

const OPTIONS: OptionNames<ListModelsOptions> = {
  pretrained: true,
  task: true,
  filter: true,
};

function sizeRecord(name: Exclude<Named['size'], TextSize['name']>): ModelSize | VitSize {
  return name in VIT_SIZES
    ? VIT_SIZES[name as VitSize['name']]
    : MODEL_SIZES[name as ModelSize['name']];
}

function recordOf(named: Named): ModelRecord {
  const { name, weights, segmentation, detection, text } = named;
  if (text) return { name, size: TEXT_SIZES[text.size], text, parameters: text.parameters };
  const size = sizeRecord(named.size as Exclude<Named['size'], TextSize['name']>);
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
  if (detection) {
    const model = detectorOf(detection);
    return {
      name,
      size,
      detection,
      parameters: countDetectorParameters(model),
      multiplyAdds: countDetectorMultiplyAdds(model, detection.inputSize),
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

/** What the model of a record tells. */
function taskOf({ segmentation, detection, text }: ModelRecord): Task {
  if (segmentation) return 'segmentation';
  if (detection) return 'detection';
  return text ? 'text' : 'classification';
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
 * segmenters, then the detectors, each with the smallest size first, then classifiers of texts.
 *
 * @example
 * listModels({ pretrained: true, filter: 'revcol_base*' }).map((record) => record.name);
 */
export function listModels(options: ListModelsOptions = {}): ModelRecord[] {
  requireOptions('listModels', options, OPTIONS);
  const { pretrained, task, filter } = options;
  if (task !== undefined) {
    requireOneOf('listModels', 'task', task, TASKS);
  }
  const isWanted = (record: ModelRecord) => {
    const { weights, segmentation, detection, text } = record;
    const isPublished = (weights ?? segmentation ?? detection ?? text) !== undefined;
    return (
      (pretrained === undefined || pretrained === isPublished) &&
      (task === undefined || task === taskOf(record))
    );
  };
  return MODEL_NAMES.filter((name) => filter === undefined || matchesGlob(name, filter))
    .map((name) => modelRecord('listModels', name))
    .filter(isWanted);
}
