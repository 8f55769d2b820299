/** What planning the run of a segmenter and of a detector shares: rates by the batch, phases, and settings. */
import type { Schedule } from '../../training/schedule_options';
import { emaDecayOf, type TrainedParts, usualEpochs, usualPatience } from '../base/defaults';
import type { RunSettings } from '../base/options';
import { checksumOf, phasesOf } from '../base/phases';
import type { RunPlan } from '../base/plan';
import { Sampler, stepsPerEpoch } from '../base/sampler';
import type { DividedPictures } from './pictures';
import type { PreparedDense } from './prepare';

/** What is trained where nothing is said. */
export function trainedOf({ train, adapters }: RunSettings): TrainedParts {
  return train ?? (adapters ? 'adapters' : 'all');
}

/** What a kind of model is trained by. */
interface DenseTraining {
  readonly task: RunPlan['task'];
  /** Learning rates at a batch of 16. */
  readonly rates: Readonly<Record<TrainedParts | 'fresh', number>>;
  readonly layerDecay: number;
  readonly weightDecay: number;
  /** Pictures of a step, and those that it must have. */
  readonly batch: number;
  readonly least?: 1 | 2;
  readonly schedule: (peak: number, steps: number) => Schedule;
  /** For each picture what tells it from others. */
  readonly lines: readonly string[];
  /** By what the steps of a run can be told from those of another one. */
  readonly ofSteps: object;
  /** By what it can be told how pictures are changed and looked at. */
  readonly ofPictures: object;
}

/** Plans a run. */
export function planDense(
  { isFresh, mean, std }: PreparedDense,
  { data, training, validation }: DividedPictures<{ readonly classNames: readonly string[] }>,
  options: RunSettings,
  { task, rates, batch, least, schedule, lines, ofSteps, ofPictures, ...usual }: DenseTraining,
): RunPlan {
  const { seed = 0, adapters, ema = false, headEpochs = 0 } = options;
  const { layerDecay = usual.layerDecay, weightDecay = usual.weightDecay } = options;
  const train = trainedOf(options);
  const count = training.length;
  const epochs = options.epochs ?? usualEpochs({ count, isFresh, train, hasNewHead: false });
  const perEpoch = stepsPerEpoch(count, batch, least);
  const scale = Math.sqrt(batch / 16);
  const rate = rates[isFresh && train === 'all' ? 'fresh' : train];
  const learningRate = options.learningRate ?? rate * scale;
  const headRate = options.headLearningRate ?? rates.head * scale;
  const emaDecay = emaDecayOf(ema, epochs * perEpoch);
  const patience = options.patience === undefined ? usualPatience(epochs) : options.patience;
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
    ...ofSteps,
    ema: emaDecay,
    ...ofPictures,
    patience,
    seed,
    mean,
    std,
  };
  return {
    task,
    form: { train, part: batch, parts: 1 },
    batch,
    epochs,
    phases: phasesOf({ train, epochs, headEpochs, perEpoch }, { learningRate, headRate, schedule }),
    sampler: new Sampler(training, batch, seed, least),
    layerDecay,
    weightDecay,
    emaDecay,
    patience: validation ? patience : null,
    seed,
    isValidated: validation !== null,
    settings: JSON.parse(JSON.stringify(settings)) as RunPlan['settings'],
  };
}
