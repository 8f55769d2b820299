/** All that the run of a detector will do, from what was asked and what is usual. */
import {
  type DetectionTransform,
  detectionTransform,
  type DetectionTransformOptions,
} from '../../augmentation/detection_transform';
import type { DetectionTraining } from '../../models/detection_targets';
import { detectionTraining } from '../../models/detection_training';
import type { DetectingOptions } from '../../models/evaluate_detector';
import { stepSchedule } from '../../training/step_schedule';
import {
  emaDecayOf,
  type TrainedParts,
  usualEpochs,
  usualPatience,
  warmupOf,
} from '../base/defaults';
import { checksumOf, phasesOf } from '../base/phases';
import type { RunPlan } from '../base/plan';
import { Sampler, stepsPerEpoch } from '../base/sampler';
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
  { data, training: pictures, validation, lines }: DetectorExamples,
  options: FineTuneDetectorOptions,
): DetectorPlan {
  const { seed = 0, weightDecay = 0.05, adapters, ema = false, headEpochs = 0 } = options;
  const { milestones = MILESTONES } = options;
  const train: TrainedParts = options.train ?? (adapters ? 'adapters' : 'all');
  const { isFresh, mean, std, parts } = prepared;
  const count = pictures.length;
  const batch = options.batch ?? BATCH;
  const epochs = options.epochs ?? usualEpochs({ count, isFresh, train, hasNewHead: false });
  const perEpoch = stepsPerEpoch(count, batch);
  const scale = Math.sqrt(batch / 16);
  const rate = RATES[isFresh && train === 'all' ? 'fresh' : train];
  const learningRate = options.learningRate ?? rate * scale;
  const headRate = options.headLearningRate ?? RATES.head * scale;
  const layerDecay = options.layerDecay ?? (isFresh ? 1 : 0.85);
  const emaDecay = emaDecayOf(ema, epochs * perEpoch);
  const patience = options.patience === undefined ? usualPatience(epochs) : options.patience;
  const training = detectionTraining(owner, options.training ?? {}, parts.heads.deltaScales.length);
  const transform = transformOptions(options);
  const detecting = { ...searchedSizes(transform), ...options.detecting };
  const settings = {
    examples: count,
    validation: validation?.order.length ?? 0,
    examplesChecksum: checksumOf(lines),
    classNames: data.classNames,
    train,
    adapters: adapters ?? null,
    epochs,
    headEpochs,
    batch,
    learningRate,
    headLearningRate: headRate,
    layerDecay,
    weightDecay,
    milestones,
    ema: emaDecay,
    augment: transform,
    training,
    detecting,
    patience,
    seed,
    mean,
    std,
  };
  const schedule = (peak: number, steps: number) =>
    stepSchedule({
      peak,
      milestones: milestones.map((share) => Math.round(share * steps)),
      warmupSteps: warmupOf(steps),
    });
  return {
    task: 'detection',
    form: { train, part: batch, parts: 1 },
    batch,
    epochs,
    phases: phasesOf({ train, epochs, headEpochs, perEpoch }, { learningRate, headRate, schedule }),
    sampler: new Sampler(pictures, batch, seed),
    layerDecay,
    weightDecay,
    emaDecay,
    patience: validation ? patience : null,
    seed,
    isValidated: validation !== null,
    transform: detectionTransform(transform),
    training,
    detecting,
    settings: JSON.parse(JSON.stringify(settings)) as RunPlan['settings'],
  };
}

function transformOptions({ augment = {} }: FineTuneDetectorOptions): DetectionTransformOptions {
  if (augment !== 'none') return augment;
  return { shortSides: [SHORT_SIDE], longSide: LONG_SIDE, flip: 0, crop: null };
}

/** The sizes of training, of which the largest. */
function searchedSizes({
  shortSides = [SHORT_SIDE],
  longSide = LONG_SIDE,
}: DetectionTransformOptions): DetectingOptions {
  return { shortSide: Math.max(...shortSides), longSide };
}
