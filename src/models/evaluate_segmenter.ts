/** How good a segmenter is: mean intersection over union on labelled pictures. */
import type * as tfl from '@tensorflow/tfjs-layers';

import { type OptionNames, requireOptions } from '../common/options';
import type { SkippedExample } from '../data/example_source';
import { isSegmentationSource, type SegmentationSource } from '../data/segmentation_source';
import { MeanIoU } from '../evaluation/mean_iou';
import { requireLabelsOf } from '../preprocessing/label_map';
import { withSaved } from './saved_options';
import {
  requireScoring,
  scoredClasses,
  scorePictures,
  SCORING_OPTIONS,
  type ScoringOptions,
} from './score_pictures';
import { segment } from './segment';
import { SEGMENTING_SIZES, type SegmentOptions, settingsOf } from './segment_options';

/** How pictures are segmented: options of `segment`. */
export type SegmentingOptions = Pick<
  SegmentOptions,
  'mode' | 'inputSize' | 'slideStride' | 'shortSide' | 'scales' | 'flip' | 'mean' | 'std'
>;

/** Options of `evaluateSegmenter`. */
export interface EvaluateSegmenterOptions extends SegmentingOptions, ScoringOptions {}

/** Without what pixels are normalised by. */
export const SEGMENTING_OPTIONS: OptionNames<Omit<SegmentingOptions, 'mean' | 'std'>> = {
  mode: true,
  inputSize: true,
  slideStride: true,
  shortSide: true,
  scales: true,
  flip: true,
};

const OPTIONS: OptionNames<EvaluateSegmenterOptions> = {
  ...SEGMENTING_OPTIONS,
  mean: true,
  std: true,
  ...SCORING_OPTIONS,
};

/** How well a class is found; null where there is nothing to divide by. */
export interface SegmentedClass {
  readonly name: string;
  /** Pixels that are it in both maps, over those that are in either. */
  readonly IoU: number | null;
  /** Share of its pixels that are right. */
  readonly Acc: number | null;
}

/** What `evaluateSegmenter` gives: shares from 0 to 1, plain JSON; null where there is nothing to divide by. */
export interface SegmentationEvaluation {
  readonly pictures: number;
  /** Pixels that count. */
  readonly pixels: number;
  /** Mean of `IoU` over the classes that are predicted or labelled anywhere. */
  readonly mIoU: number | null;
  /** Mean of `Acc` over the classes that are labelled anywhere. */
  readonly mAcc: number | null;
  /** Share of all pixels that count that are right. */
  readonly aAcc: number | null;
  /** By class, as the model numbers them. */
  readonly perClass: readonly SegmentedClass[];
  /** Pictures that could not be read. */
  readonly skipped: readonly SkippedExample[];
}

const OWNER = 'evaluateSegmenter';

/**
 * Segments labelled pictures and compares the maps with their labels, as mmsegmentation's evaluation does: areas are
 * summed over all pictures, at the size of their labels. One picture at a time; the next are read meanwhile.
 *
 * @param model as `segment` takes it; where `mean`, `std`, `shortSide`, and `inputSize` and `slideStride` of windows, are not
 *   given they are those that are saved with it, as `fineTuneSegmenter` and `createModel` with published weights do, else
 *   ImageNet's, none and 512 x 512
 * @param source such as `segmentationFolder` gives
 * @throws {Error} when an option is wrong, the source has a class that the model has not, a picture cannot be read or
 *   segmented (which is named), or none can be read
 * @throws {unknown} `signal.reason` when stopped
 *
 * @example
 * const record = segmentationWeights('upernet_revcol_tiny.ade20k_512');
 * const { inputSize, slideStride, shortSide } = record;
 * const { mIoU } = await evaluateSegmenter(model, pictures, {
 *   mode: 'slide', inputSize, slideStride, shortSide,
 * });
 */
export async function evaluateSegmenter(
  model: tfl.LayersModel,
  source: SegmentationSource,
  options: EvaluateSegmenterOptions = {},
): Promise<SegmentationEvaluation> {
  requireOptions(OWNER, options, OPTIONS);
  requireScoring(OWNER, model, options);
  requireSegmentationSource(OWNER, source);
  return segmentationScores(OWNER, model, source, options);
}

/** Asserts pictures with label maps. */
export function requireSegmentationSource(
  owner: string,
  source: unknown,
): asserts source is SegmentationSource {
  if (isSegmentationSource(source) && source.length > 0) return;
  throw new Error(
    `${owner}: ${isSegmentationSource(source) ? 'the data hold no picture' : 'the data are no pictures with label maps'}; ` +
      'expected what segmentationFolder or segmentationSource gives, with one picture at least',
  );
}

/**
 * `evaluateSegmenter` of some of the pictures.
 *
 * @param order numbers of the pictures. Default: all
 */
export async function segmentationScores(
  owner: string,
  model: tfl.LayersModel,
  source: SegmentationSource,
  options: EvaluateSegmenterOptions,
  order?: readonly number[],
): Promise<SegmentationEvaluation> {
  const { classNames, onError, onProgress, signal, ...segmenting } = options;
  const count = model.outputs[0]?.shape.at(-1) ?? source.classNames.length;
  const { names, numbers } = scoredClasses(owner, model, source, classNames, count);
  const settings = { ...withSaved(model, segmenting, SEGMENTING_SIZES), signal };
  // Of any size: that tells no wrong option.
  settingsOf(settings, [1, 1], owner);
  const { ignoreLabel } = source;
  // No class of any model, as that of the source may be.
  const none = -1;
  const metric = new MeanIoU({ numClasses: count, ignoreLabel: none });
  // Where pictures may be left out, those whose labels are no classes are, too.
  const read = async (index: number) => {
    const example = await source.read(index);
    const { image, labels } = example;
    const what = `${source.name(index)}, ${image.width} x ${image.height} pixels: its label map`;
    requireLabelsOf(what, labels, source.classNames.length, ignoreLabel);
    return example;
  };
  const { pictures, skipped } = await scorePictures(
    owner,
    source,
    read,
    async ({ image, labels }) => {
      const { map } = await segment(model, image, settings);
      metric.add(
        map,
        Int32Array.from(labels.data, (label) =>
          label === ignoreLabel ? none : (numbers[label] as number),
        ),
      );
    },
    { onError, onProgress, signal },
    order,
  );
  const { pixels, mIoU, mAcc, aAcc, IoU, Acc } = metric.result();
  return {
    pictures,
    pixels,
    mIoU: orNull(mIoU),
    mAcc: orNull(mAcc),
    aAcc: orNull(aAcc),
    perClass: names.map((one, c) => ({ name: one, IoU: orNull(IoU[c]), Acc: orNull(Acc[c]) })),
    skipped,
  };
}

/** A number that JSON has a word for. */
function orNull(value: number | undefined): number | null {
  return value === undefined || Number.isNaN(value) ? null : value;
}
