/** What a model's name stands for: a size, or a published weight set of one. */
import { requireArgument } from '../common/arguments';
import { byNearness } from '../common/options';
import { plainName } from '../common/options';
import {
  isModelSizeName,
  isVitSizeName,
  type ModelSizeName,
  SIZE_NAMES,
  type VitSizeName,
} from './architectures';
import {
  DETECTION_WEIGHTS,
  type DetectionName,
  type DetectionWeights,
  isDetectionName,
} from './detection';
import { PRETRAINED_WEIGHTS, type PretrainedName, type PretrainedWeights } from './pretrained';
import {
  isSegmentationName,
  SEGMENTATION_WEIGHTS,
  type SegmentationName,
  type SegmentationWeights,
} from './segmentation';
import { isTextName, TEXT_WEIGHTS, type TextName, type TextSize, type TextWeights } from './text';

/**
 * Name of a size (`revcol_base`, `revcol_vit_small`), of a published weight set (`revcol_base.in1k`), of a
 * published segmenter (`upernet_revcol_base.ade20k_512`), of a published detector
 * (`cascade_mask_rcnn_revcol_base.coco`), or of a text classifier (`revcol_text_femto.languages`).
 */
export type ModelName =
  ModelSizeName | VitSizeName | PretrainedName | SegmentationName | DetectionName | TextName;

/** The weight sets of a size, or of any. */
function setsOf(size: string): PretrainedName[] {
  return Object.values(PRETRAINED_WEIGHTS)
    .filter((weights) => weights.size === size)
    .map(({ name }) => name);
}

/** Every name: each size, followed by its weight sets; then segmenters, detectors and text classifiers. */
export const MODEL_NAMES: readonly ModelName[] = /* @__PURE__ */ [
  ...SIZE_NAMES.flatMap((size): ModelName[] => [size, ...setsOf(size)]),
  ...(Object.keys(SEGMENTATION_WEIGHTS) as SegmentationName[]),
  ...(Object.keys(DETECTION_WEIGHTS) as DetectionName[]),
  ...(Object.keys(TEXT_WEIGHTS) as TextName[]),
];

/** What a name says. */
export interface Named {
  name: ModelName;
  size: ModelSizeName | VitSizeName | TextSize['name'];
  /** The published weights, when the name has a tag. */
  weights?: PretrainedWeights;
  /** The published segmenter that the name is of. */
  segmentation?: SegmentationWeights;
  /** The published detector that the name is of. */
  detection?: DetectionWeights;
  /** The weights of a text classifier that the name is of. */
  text?: TextWeights;
}

/**
 * Takes a name apart.
 *
 * @param owner name of the function that was called, for the message
 * @throws {Error} for an unknown name, with the names that come nearest
 */
export function parseName(owner: string, name: string): Named {
  const fits = typeof name === 'string';
  const expected = "a model's name such as 'revcol_tiny'; listModels() gives all of them";
  requireArgument(owner, 'name', name, fits, expected);
  if (isModelSizeName(name) || isVitSizeName(name)) return { name, size: name };
  if (Object.hasOwn(PRETRAINED_WEIGHTS, name)) {
    const weights = PRETRAINED_WEIGHTS[name as PretrainedName];
    return { name: weights.name, size: weights.size, weights };
  }
  if (isSegmentationName(name)) {
    const segmentation = SEGMENTATION_WEIGHTS[name];
    return { name, size: segmentation.size, segmentation };
  }
  if (isDetectionName(name)) {
    const detection = DETECTION_WEIGHTS[name];
    return { name, size: detection.size, detection };
  }
  if (isTextName(name)) {
    const text = TEXT_WEIGHTS[name];
    return { name, size: text.size, text };
  }
  const [size = '', tag] = name.split('.', 2);
  if (tag !== undefined && (SIZE_NAMES as readonly string[]).includes(size)) {
    const published = setsOf(size);
    throw new Error(
      published.length > 0
        ? `${owner}: '${name}' is not a published weight set; ${size} has ${published.join(', ')}`
        : `${owner}: '${name}' is not a published weight set; no weights of ${size} were ` +
            `published, so build it without a tag and load your own checkpoint`,
    );
  }
  const near = nearestNames(name);
  const isMeant = near.length === 1;
  throw new Error(
    `${owner}: unknown model '${name}'; ` +
      (isMeant
        ? `did you mean '${near[0]}'? `
        : `nearest names: ${near.slice(0, 3).join(', ')}; `) +
      'listModels() gives all of them',
  );
}

/** The one name that is meant, written otherwise or without its tag, else those that come nearest. */
function nearestNames(name: string): string[] {
  const isSize = (text: string) => (SIZE_NAMES as readonly string[]).includes(text);
  // Without a tag a name is as near as the part before the tag of those that no size stands for.
  const keyed = MODEL_NAMES.map((full) => {
    const [stem = full] = full.split('.', 1);
    return { full, key: name.includes('.') || isSize(stem) ? full : stem };
  });
  const near = byNearness<string>(name, [...new Set(keyed.map(({ key }) => key))]);
  const namesOf = (key: string) => keyed.filter((one) => one.key === key).map(({ full }) => full);
  const [nearest = ''] = near;
  if (plainName(nearest) === plainName(name)) return namesOf(nearest);
  return near.flatMap(namesOf).slice(0, 3);
}

/**
 * The published weights of a model name.
 *
 * @throws {Error} for an unknown name, and for a size without a tag, with the tags it has
 */
export function pretrainedWeights(name: string): PretrainedWeights {
  return weightsOf('pretrainedWeights', name);
}

/** `pretrainedWeights` in the name of another function. */
export function weightsOf(owner: string, name: string): PretrainedWeights {
  const { weights, size, segmentation, detection, text } = parseName(owner, name);
  if (weights) return weights;
  if (segmentation) {
    throw new Error(
      `${owner}: '${name}' names a segmenter; segmentationWeights('${name}') gives its record`,
    );
  }
  if (detection) {
    throw new Error(
      `${owner}: '${name}' names a detector; detectionWeights('${name}') gives its record`,
    );
  }
  if (text) {
    throw new Error(
      `${owner}: '${name}' names a classifier of texts; textWeights('${name}') gives its record`,
    );
  }
  const published = setsOf(size);
  throw new Error(
    published.length > 0
      ? `${owner}: '${name}' names an architecture; say which weights: ${published.join(', ')}`
      : `${owner}: no weights of ${name} were published; load your own checkpoint`,
  );
}

/**
 * The record of a published segmenter: where its file is, and how to use it.
 *
 * @throws {Error} for any other name, with the names that there are
 */
export function segmentationWeights(name: string): SegmentationWeights {
  const named = parseName('segmentationWeights', name);
  if (named.segmentation) return named.segmentation;
  throw new Error(
    `segmentationWeights: '${name}' names a ${kindOf(named)}; the segmenters are ` +
      Object.keys(SEGMENTATION_WEIGHTS).join(', '),
  );
}

/**
 * The record of a published detector: where its file is, and how to use it.
 *
 * @throws {Error} for any other name, with the names that there are
 */
export function detectionWeights(name: string): DetectionWeights {
  const named = parseName('detectionWeights', name);
  if (named.detection) return named.detection;
  throw new Error(
    `detectionWeights: '${name}' names a ${kindOf(named)}; the detectors are ` +
      Object.keys(DETECTION_WEIGHTS).join(', '),
  );
}

/**
 * The record of the weights of a text classifier: where their file is, what `preprocessTexts` needs to know, and
 * the names of the classes.
 *
 * @throws {Error} for any other name, with the names that there are
 */
export function textWeights(name: string): TextWeights {
  const named = parseName('textWeights', name);
  if (named.text) return named.text;
  throw new Error(
    `textWeights: '${name}' names a ${kindOf(named)}; the classifiers of texts are ` +
      Object.keys(TEXT_WEIGHTS).join(', '),
  );
}

/** What a name is of, for messages. */
function kindOf({ segmentation, detection, text }: Named): string {
  if (segmentation) return 'segmenter';
  if (detection) return 'detector';
  return text ? 'classifier of texts' : 'classifier';
}
