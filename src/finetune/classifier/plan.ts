/** All that the run of a classifier will do, from what was asked and what is usual. */
import { parseBytes } from '../../common/bytes';
import { cosineSchedule } from '../../training/cosine_schedule';
import type { Schedule } from '../../training/schedule_options';
import {
  emaDecayOf,
  type Situation,
  type TrainedParts,
  usualAugmentation,
  usualBatch,
  usualEpochs,
  usualHeadEpochs,
  usualHeadRate,
  usualPatience,
  usualRate,
  warmupOf,
} from '../base/defaults';
import { checksumOf, phasesOf } from '../base/phases';
import type { RunPlan, StepForm } from '../base/plan';
import { Sampler, stepsPerEpoch } from '../base/sampler';
import { stratifiedSplit, usualShare } from '../base/split';
import { type Augmentation, type EpochTransform, epochTransform } from './augmentation';
import { fitMemory } from './memory_choice';
import type { FineTuneOptions } from './options';
import type { PreparedModel } from './prepare';
import { numberedAs, openTrainingData, requireClasses, type TrainingData } from './training_data';

/** What the run of a classifier will do. */
export interface ClassifierPlan extends RunPlan {
  readonly transform: EpochTransform;
  readonly labelSmoothing: number;
}

/** What is trained on, and looked at. */
export interface Examples {
  readonly data: TrainingData;
  readonly training: readonly number[];
  /** Examples that are looked at after each epoch; none where there are none. */
  readonly validation: { readonly data: TrainingData; readonly order: readonly number[] } | null;
  /** Frees what was made of streams. */
  dispose(): void;
}

/**
 * Divides the examples, or opens those for validation.
 *
 * @throws {Error} when a class has none to train on, or those for validation do not fit
 */
export async function divideExamples(
  owner: string,
  data: TrainingData,
  { validation, seed = 0, signal, classNames }: FineTuneOptions,
): Promise<Examples> {
  requireClasses(owner, data);
  const labels = Array.from(data.labels);
  if (validation !== undefined && typeof validation !== 'number') {
    const given = `${owner}: validation`;
    const opened = await openTrainingData(given, validation, classNames, signal);
    try {
      const own = numberedAs(given, opened, data.classNames);
      const order = Array.from(own.labels, (_, i) => i);
      const training = labels.map((_, i) => i);
      return { data, training, validation: { data: own, order }, dispose: () => opened.dispose() };
    } catch (error) {
      opened.dispose();
      throw error;
    }
  }
  const { training, validation: kept } = stratifiedSplit(
    labels,
    validation ?? usualShare(labels.length),
    seed,
  );
  return {
    data,
    training,
    validation: kept.length > 0 ? { data, order: kept } : null,
    dispose: () => undefined,
  };
}

/**
 * Plans a run.
 *
 * @param saved settings of the run to go on with: what `memory` chose is theirs, whatever else lives in memory now
 * @throws {Error} when it does not fit into the memory that there is, or the augmentation's options are wrong
 */
export function planRun(
  owner: string,
  prepared: PreparedModel,
  { data, training, validation }: Examples,
  options: FineTuneOptions,
  saved?: RunPlan['settings'],
): ClassifierPlan {
  const { seed = 0, labelSmoothing = 0.1, weightDecay = 0.05, adapters, ema } = options;
  const side = prepared.input && Math.max(...prepared.input.inputSize);
  const asked = options.train ?? (adapters ? 'adapters' : undefined);
  const batch = options.batch ?? usualBatch({ count: training.length, side });
  const form = saved
    ? savedForm(saved, options, asked, batch)
    : stepForm(owner, prepared, options, asked, batch);
  const { train } = form;
  const situation: Situation = { ...prepared, count: training.length, side, train };
  const epochs = options.epochs ?? usualEpochs(situation);
  const headEpochs = options.headEpochs ?? usualHeadEpochs(situation, epochs);
  const perEpoch = stepsPerEpoch(training.length, batch);
  const learningRate = options.learningRate ?? usualRate(situation, batch);
  const headRate = options.headLearningRate ?? usualHeadRate(batch);
  const layerDecay = options.layerDecay ?? (prepared.isFresh ? 1 : 0.9);
  const emaDecay = emaDecayOf(ema ?? train === 'all', epochs * perEpoch);
  const patience = options.patience === undefined ? usualPatience(epochs) : options.patience;
  const augment: Augmentation = options.augment ?? usualAugmentation(situation);
  const settings = {
    examples: training.length,
    validation: validation?.order.length ?? 0,
    examplesChecksum: checksumOf(
      Array.from(data.labels, (label, i) => `${label} ${data.nameOf(i)}`),
    ),
    classNames: prepared.classNames,
    train,
    adapters: adapters ?? null,
    epochs,
    headEpochs,
    batch,
    part: form.part,
    learningRate,
    headLearningRate: headRate,
    layerDecay,
    weightDecay,
    labelSmoothing,
    ema: emaDecay,
    augment: typeof augment === 'function' ? 'a function' : augment,
    patience,
    seed,
    input: prepared.input ?? null,
  };
  return {
    task: 'classification',
    form,
    batch,
    epochs,
    phases: phasesOf(
      { train, epochs, headEpochs, perEpoch },
      { learningRate, headRate, schedule: cosine },
    ),
    sampler: new Sampler(training, batch, seed),
    transform:
      data.arePictures && prepared.input
        ? epochTransform(augment, prepared.input, seed)
        : () => undefined,
    labelSmoothing,
    layerDecay,
    weightDecay,
    emaDecay,
    patience: validation ? patience : null,
    seed,
    isValidated: validation !== null,
    settings: JSON.parse(JSON.stringify(settings)) as RunPlan['settings'],
  };
}

function stepForm(
  owner: string,
  prepared: PreparedModel,
  { memory, adapters, ema }: FineTuneOptions,
  asked: TrainedParts | undefined,
  batch: number,
): StepForm {
  if (memory === undefined) return { train: asked ?? 'all', part: batch, parts: 1 };
  const bytes = parseBytes(owner, 'memory', memory);
  const wanted = { train: asked, batch, adapters, ema, memory: bytes };
  return fitMemory(owner, prepared, wanted);
}

/** The form that a run had; where more than `memory` has changed, that is told by its settings. */
function savedForm(
  { train, part }: RunPlan['settings'],
  { memory }: FineTuneOptions,
  asked: TrainedParts | undefined,
  batch: number,
): StepForm {
  const chosen = memory === undefined ? 'all' : (train as TrainedParts);
  const own = part as number;
  return { train: asked ?? chosen, part: own, parts: Math.ceil(batch / own) };
}

/** Rates of a phase: from a tenth, as of few steps none should do nothing. */
function cosine(peak: number, steps: number): Schedule {
  return cosineSchedule({ peak, steps, warmupSteps: warmupOf(steps), warmupRate: peak / 10 });
}
