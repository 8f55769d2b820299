/** How good a detector is: average precision of boxes and masks on pictures with marked objects. */
import type * as tfl from '@tensorflow/tfjs-layers';

import { requireMarked } from '../coco/picture_objects';
import { cocoResults } from '../coco/write_results';
import { type OptionNames, requireOptions } from '../common/options';
import { requireLabels } from '../data/class_names';
import type { CocoSource } from '../data/coco_source';
import type { SkippedExample } from '../data/example_source';
import { type ObjectSource, requireObjectSource } from '../data/object_source';
import { AveragePrecision } from '../evaluation/average_precision';
import type { FoundObject, TrueObject } from '../evaluation/coco_objects';
import type { AveragePrecisionResult } from '../evaluation/precision_summary';
import { boxAt } from '../ops/detection/box_list';
import { detect, type Detections } from './detect';
import { DETECTING_SIZES, type DetectOptions, settingsOf } from './detect_options';
import { detectorParts } from './detector_parts';
import { withSaved } from './saved_options';
import {
  requireScoring,
  scoredClasses,
  scorePictures,
  SCORING_OPTIONS,
  type ScoringOptions,
} from './score_pictures';

/** How objects are looked for: options of `detect`. */
export type DetectingOptions = Pick<
  DetectOptions,
  | 'scoreThreshold'
  | 'maxDetections'
  | 'overlap'
  | 'proposals'
  | 'maskThreshold'
  | 'shortSide'
  | 'longSide'
  | 'mean'
  | 'std'
>;

/** Without what pixels are normalised by. */
export const DETECTING_OPTIONS: OptionNames<Omit<DetectingOptions, 'mean' | 'std'>> = {
  scoreThreshold: true,
  maxDetections: true,
  overlap: true,
  proposals: true,
  maskThreshold: true,
  shortSide: true,
  longSide: true,
};

/** Options of `evaluateDetector`. */
export interface EvaluateDetectorOptions extends DetectingOptions, ScoringOptions {}

const OPTIONS: OptionNames<EvaluateDetectorOptions> = {
  ...DETECTING_OPTIONS,
  mean: true,
  std: true,
  ...SCORING_OPTIONS,
};

/** Average precisions, shares from 0 to 1; null where there is no object to find. */
export interface PrecisionFigures {
  /** Mean over overlaps from .5 to .95. */
  readonly AP: number | null;
  /** From an overlap of .5 on. */
  readonly AP50: number | null;
  /** From an overlap of .75 on. */
  readonly AP75: number | null;
  /** Of objects up to 32 x 32 pixels, from there to 96 x 96, and from there on. */
  readonly APs: number | null;
  readonly APm: number | null;
  readonly APl: number | null;
}

/** How well a class is found; null where there is no object of it. */
export interface DetectedClass {
  readonly name: string;
  /** Objects to find. */
  readonly objects: number;
  readonly boxAP: number | null;
  readonly maskAP: number | null;
}

/** What `evaluateDetector` gives; plain JSON. */
export interface DetectorEvaluation {
  readonly pictures: number;
  /** Objects to find. */
  readonly objects: number;
  readonly box: PrecisionFigures;
  readonly mask: PrecisionFigures;
  /** By class, as the model numbers them. */
  readonly perClass: readonly DetectedClass[];
  /** Pictures that could not be read. */
  readonly skipped: readonly SkippedExample[];
}

const OWNER = 'evaluateDetector';

/**
 * Finds the objects of pictures and compares them with what is marked, by COCO's average precision of boxes and
 * of masks (areas of masks are those of the masks). One picture at a time; the next are read meanwhile.
 *
 * Of a source of COCO's annotations all annotations of the classes count as COCO counts them, crowds included; of
 * another source its objects do, and its crowds, which have no class, do not.
 *
 * @param model as `detect` takes it; `mean`, `std`, `shortSide` and `longSide` that are not given are those that
 *   are saved with it, as `fineTuneDetector` does, else the published ones
 * @param source such as `cocoFolder` gives, with masks
 * @throws {Error} when an option is wrong, the source has a class that the model has not, a picture cannot be read or
 *   searched (which is named), or none can be read
 * @throws {unknown} `signal.reason` when stopped
 *
 * @example
 * const val = await cocoFolder('annotations/instances_val2017.json', 'val2017', { classNames: COCO_CLASSES });
 * const { box, mask } = await evaluateDetector(model, val);
 * console.log(box.AP, mask.AP);
 */
export async function evaluateDetector(
  model: tfl.LayersModel,
  source: ObjectSource,
  options: EvaluateDetectorOptions = {},
): Promise<DetectorEvaluation> {
  requireOptions(OWNER, options, OPTIONS);
  requireScoring(OWNER, model, options);
  requireObjectSource(OWNER, source);
  return detectorScores(OWNER, model, source, options);
}

/**
 * `evaluateDetector` of some of the pictures.
 *
 * @param order numbers of the pictures. Default: all
 */
export async function detectorScores(
  owner: string,
  model: tfl.LayersModel,
  source: ObjectSource,
  options: EvaluateDetectorOptions,
  order?: readonly number[],
): Promise<DetectorEvaluation> {
  const { classNames, onError, onProgress, signal, ...detecting } = options;
  const count = detectorParts(owner, model).heads.units;
  const { names, numbers } = scoredClasses(owner, model, source, classNames, count);
  const settings: DetectOptions = { ...withSaved(model, detecting, DETECTING_SIZES), signal };
  settingsOf(settings, owner);
  const categories = names.map((_, c) => c);
  const metrics = {
    box: new AveragePrecision({ categories, kind: 'box' }),
    mask: new AveragePrecision({ categories, kind: 'mask' }),
  };
  const truths = truthsOf(source, numbers);
  const read = async (index: number) => ({
    image: await source.read(index),
    truths: truths(index),
  });
  const { pictures, skipped } = await scorePictures(
    owner,
    source,
    read,
    async ({ image, truths: there }, id) => {
      const found = resultsOf(await detect(model, image, settings), categories);
      const picture = { id, width: image.width, height: image.height };
      metrics.box.add(picture, there, found);
      // With a box the area of a mask would count as that of the box.
      const masks = found.map(({ bbox: _, ...one }) => one);
      metrics.mask.add(picture, there, masks);
    },
    { onError, onProgress, signal },
    order,
  );
  const [box, mask] = [metrics.box.result(), metrics.mask.result()];
  const objects = box.categories.reduce((sum, own) => sum + own.objects, 0);
  return {
    pictures,
    objects,
    box: figuresOf(box),
    mask: figuresOf(mask),
    perClass: names.map((one, c) => ({
      name: one,
      objects: box.categories[c]?.objects ?? 0,
      boxAP: orNull(box.categories[c]?.AP),
      maskAP: orNull(mask.categories[c]?.AP),
    })),
    skipped,
  };
}

/** What is marked in each picture, with the numbers of the model's classes. */
function truthsOf(
  source: ObjectSource,
  numbers: readonly number[],
): (index: number) => readonly TrueObject[] {
  const { dataset, categoryIds, imageId } = source as Partial<CocoSource>;
  if (!dataset || !categoryIds || !imageId) return (index) => markedIn(source, index, numbers);
  const labels = new Map(categoryIds.map((id, label) => [id, numbers[label] as number]));
  const byImage = new Map<number, TrueObject[]>();
  for (const annotation of dataset.annotations) {
    const label = labels.get(annotation.category_id);
    if (label === undefined) continue;
    const list = byImage.get(annotation.image_id) ?? [];
    byImage.set(annotation.image_id, [...list, { ...annotation, category_id: label }]);
  }
  return (index) => byImage.get(imageId(index)) ?? [];
}

/** The same of a source without annotations. */
function markedIn(source: ObjectSource, index: number, numbers: readonly number[]): TrueObject[] {
  const objects = source.objects(index);
  const name = source.name(index);
  requireMarked(name, objects);
  const { boxes, labels, masks } = objects;
  requireLabels(name, labels, numbers.length, (i) => `object ${i}`);
  return Array.from(labels, (label, i) => {
    const [x1, y1, x2, y2] = boxAt(boxes, i);
    const bbox = [x1, y1, x2 - x1, y2 - y1] as const;
    const one = { category_id: numbers[label] as number, bbox };
    const mask = masks?.[i];
    return mask ? { ...one, segmentation: mask } : one;
  });
}

function resultsOf(found: Detections, categories: readonly number[]): FoundObject[] {
  return cocoResults(0, found, categories).map(({ image_id: _, ...result }) => result);
}

function figuresOf({ AP, AP50, AP75, APs, APm, APl }: AveragePrecisionResult): PrecisionFigures {
  return {
    AP: orNull(AP),
    AP50: orNull(AP50),
    AP75: orNull(AP75),
    APs: orNull(APs),
    APm: orNull(APm),
    APl: orNull(APl),
  };
}

/** Null in place of pycocotools' -1. */
function orNull(value: number | undefined): number | null {
  return value === undefined || value < 0 ? null : value;
}
