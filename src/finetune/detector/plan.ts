/** All that the run of a detector will do, from what was asked and what is usual. */
import {
  type DetectionTransform,
  detectionTransform,
  type DetectionTransformOptions,
} from '../../augmentation/detection_transform';
import { longSideFor } from '../../models/detect_options';
import type { DetectionTraining } from '../../models/detection_targets';
import { detectionTraining } from '../../models/detection_training';
import type { DetectingOptions } from '../../models/evaluate_detector';
import { stepSchedule } from '../../training/step_schedule';
import { warmupOf } from '../base/defaults';
import type { RunPlan } from '../base/plan';
import { planDense } from '../dense/plan';
import type { DetectorExamples } from './marked_pictures';
import type { FineTuneDetectorOptions } from './options';
import type { PreparedDetector } from './prepare';

/** What the run of a detector will do. */
export interface DetectorPlan extends RunPlan {
  readonly transform: DetectionTransform;
  readonly training: DetectionTraining;
  readonly detecting: DetectingOptions;
}

/** Learning rates at a batch of 16: that of everything is the published one. */
const RATES = { fresh: 1e-3, all: 2e-4, head: 1e-3, adapters: 5e-4 };

/** Pictures of a step: as many as the published training had on each device. */
const BATCH = 2;

/** Sizes that evaluation resizes to, as published. */
const [SHORT_SIDE, LONG_SIDE] = [800, 1333];

/** Shares of the steps after which the rate falls: 27 and 33 of 36 epochs. */
const MILESTONES = [3 / 4, 11 / 12];

/**
 * Plans a run.
 *
 * @throws {Error} when the augmentation's options or the settings of training are wrong
 */
export function planDetector(
  owner: string,
  prepared: PreparedDetector,
  examples: DetectorExamples,
  options: FineTuneDetectorOptions,
): DetectorPlan {
  const { milestones = MILESTONES, batch = BATCH } = options;
  const { isFresh, parts } = prepared;
  const training = detectionTraining(owner, options.training ?? {}, parts.heads.deltaScales.length);
  const transform = transformOptions(options);
  const detecting = { ...searchedSizes(transform, options.detecting), ...options.detecting };
  const plan = planDense(prepared, examples, options, {
    task: 'detection',
    rates: RATES,
    layerDecay: isFresh ? 1 : 0.85,
    weightDecay: 0.05,
    batch,
    schedule: (peak, steps) =>
      stepSchedule({
        peak,
        milestones: milestones.map((share) => Math.round(share * steps)),
        warmupSteps: warmupOf(steps),
      }),
    lines: examples.lines,
    ofSteps: { milestones },
    ofPictures: { augment: transform, training, detecting },
  });
  return { ...plan, transform: detectionTransform(transform), training, detecting };
}

function transformOptions({ augment = {} }: FineTuneDetectorOptions): DetectionTransformOptions {
  if (augment !== 'none') return augment;
  return { shortSides: [SHORT_SIDE], longSide: LONG_SIDE, flip: 0, crop: null };
}

/** The sizes of training, of which the largest; the longer side fits the shorter one that is wanted. */
function searchedSizes(
  { shortSides = [SHORT_SIDE], longSide = LONG_SIDE }: DetectionTransformOptions,
  { shortSide }: DetectingOptions = {},
): DetectingOptions {
  return {
    shortSide: Math.max(...shortSides),
    longSide: shortSide === undefined ? longSide : longSideFor(shortSide, longSide),
  };
}
