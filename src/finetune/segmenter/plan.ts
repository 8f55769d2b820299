/** All that the run of a segmenter will do, from what was asked and what is usual. */
import {
  segmentationTransform,
  type SegmentationTransformOptions,
} from '../../augmentation/segmentation_transform';
import { metadataOf } from '../../common/model_metadata';
import type { LabelledRecipe, SegmentationSource } from '../../data/segmentation_source';
import type { SegmentingOptions } from '../../models/evaluate_segmenter';
import { polySchedule } from '../../training/poly_schedule';
import type { RunPlan } from '../base/plan';
import type { DividedPictures } from '../dense/pictures';
import { planDense, trainedOf } from '../dense/plan';
import { leastPictures } from '../run/trained_parts';
import type { FineTuneSegmenterOptions, SegmentationAugmentation } from './options';
import type { PreparedSegmenter } from './prepare';

/** What the run of a segmenter will do. */
export interface SegmenterPlan extends RunPlan {
  readonly auxiliaryWeight: number;
  /** Pictures that a step must have. */
  readonly least: number;
  /** How the pictures of an epoch are changed. */
  readonly recipe: (epoch: number) => LabelledRecipe;
  /** `[height, width]` of what a step sees of a picture. */
  readonly cropSize: readonly [number, number];
  readonly segmenting: SegmentingOptions;
}

/** What is trained on, and looked at. */
export type SegmenterExamples = DividedPictures<SegmentationSource>;

/** Learning rates at a batch of 16: that of everything is the published one. */
const RATES = { fresh: 1e-3, all: 6e-5, head: 6e-4, adapters: 3e-4 };

/** Most steps in which the rate rises, as published; a twentieth of them where they are few. */
const WARMUP = 1500;

/** Crops at random, and no change more. */
export const CROPS_ONLY = { scale: [1, 1], classShare: 1, flip: 0, photometric: null } as const;

/** Crops where nothing is said. */
const CROP = [512, 512] as const;

/**
 * Plans a run.
 *
 * @throws {Error} when the augmentation's options are wrong, or a step has too few pictures for batch normalisations
 */
export function planSegmenter(
  owner: string,
  prepared: PreparedSegmenter,
  examples: SegmenterExamples,
  options: FineTuneSegmenterOptions,
): SegmenterPlan {
  const { seed = 0, auxiliaryWeight = 0.4, power = 1 } = options;
  const { data, training } = examples;
  const count = training.length;
  const batch = options.batch ?? usualBatch(count);
  const least = leastPictures(prepared.model, prepared.head, trainedOf(options));
  requirePictures(owner, { count, batch, least, of: data.length });
  const transform = transformOptions(owner, prepared, data, options);
  const segmenting = segmentingOptions(prepared, transform, options);
  const plan = planDense(prepared, examples, options, {
    task: 'segmentation',
    rates: RATES,
    layerDecay: 1,
    weightDecay: 0.01,
    batch,
    least,
    schedule: (peak, steps) =>
      polySchedule({ peak, steps, power, warmupSteps: Math.min(WARMUP, Math.floor(steps / 20)) }),
    lines: Array.from({ length: data.length }, (_, i) => data.name(i)),
    ofSteps: { power, auxiliaryWeight },
    ofPictures: { augment: transform, segmenting },
  });
  return {
    ...plan,
    least,
    auxiliaryWeight,
    recipe: (epoch) => ({ options: transform, seed: [seed, epoch] }),
    cropSize: transform.cropSize,
    segmenting,
  };
}

/** Asserts steps of which batch normalisations have statistics. */
function requirePictures(
  owner: string,
  { count, batch, least, of }: { count: number; batch: number; least: number; of: number },
): void {
  if (Math.min(count, batch) >= least) return;
  const kept = of > count ? ` of ${of}, the others are for validation` : '';
  throw new Error(
    `${owner}: batch is ${batch}, with ${count} ${count === 1 ? 'picture' : 'pictures'} to train on${kept}; expected ` +
      `${least} of both at least: batch normalisations go by the pictures of a step, and of a single one there are no ` +
      'statistics. Give more pictures' +
      (kept ? ', or validation: 0' : '') +
      (batch < least ? ', or leave batch out' : ''),
  );
}

/** A power of two with 16 steps and more in an epoch, from 2 to 16: that of the published training. */
function usualBatch(count: number): number {
  return 2 ** Math.min(4, Math.max(1, Math.round(Math.log2(count / 16))));
}

type CroppingOptions = SegmentationTransformOptions &
  Required<Pick<SegmentationTransformOptions, 'cropSize'>>;

/** The augmentation, with crops that fit the model: of the size that it has learned from before. */
function transformOptions(
  owner: string,
  { model, fixedSize, record, isFresh }: PreparedSegmenter,
  { ignoreLabel }: SegmentationSource,
  { augment = {} }: FineTuneSegmenterOptions,
): CroppingOptions {
  const given: SegmentationAugmentation = augment === 'none' ? CROPS_ONLY : augment;
  const saved = metadataOf(model);
  const [height, width] = saved.inputSize ?? record?.inputSize ?? CROP;
  // What has learned before knows things at that size.
  const { shortSide } = saved;
  const published = shortSide !== undefined && !isFresh && !fixedSize ? { shortSide } : {};
  const cropSize = given.cropSize ?? fixedSize ?? ([height, width] as const);
  const options = { ...published, ...given, cropSize, ignoreLabel };
  // What is wrong with the options is told now.
  segmentationTransform(options);
  if (fixedSize && fixedSize.some((side, i) => side !== cropSize[i])) {
    throw new Error(
      `${owner}: cropSize is ${cropSize.join(' x ')}, but ${model.name} takes images of ${fixedSize.join(' x ')} ` +
        'pixels; leave it out',
    );
  }
  return options;
}

/**
 * How pictures are segmented for validation: as they were trained, or by windows where the model's size is fixed. Windows
 * are as large as crops.
 */
function segmentingOptions(
  { fixedSize }: PreparedSegmenter,
  { shortSide, cropSize }: CroppingOptions,
  { segmenting = {} }: FineTuneSegmenterOptions,
): SegmentingOptions {
  const mode = segmenting.mode ?? (fixedSize ? 'slide' : 'whole');
  const windows = mode === 'slide' ? { mode, inputSize: cropSize } : {};
  return { ...windows, ...(shortSide == null ? {} : { shortSide }), ...segmenting };
}
