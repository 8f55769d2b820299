/** A run of fine-tuning in the worker, told to the page as it goes. */
import type * as tfl from '@tensorflow/tfjs-layers';

import { tensorSource } from 'tfjs-revcol/images';
import { fineTune, type FineTuneOptions } from 'tfjs-revcol/models';
import { removeTraining, savedTraining, type TrainingHistory } from 'tfjs-revcol/training';
import type { FromWorker, KeptRun } from '../shared/messages';
import { type DataSet, pick, type Pictures, watchedOf } from '../shared/pictures';
import type { Settings } from '../shared/settings';
import { classify, keepWeights, type KeptWeights, makeModel, putWeights } from './model';

/** Where the browser keeps a run. */
const PLACE = 'indexeddb://tfjs-revcol-demo';
const PLACES = [`${PLACE}/last`, `${PLACE}/best`];

/** Seconds between two times of saving: no more is lost, whatever happens. */
const SAVE_EVERY = 4;

/** Milliseconds between two looks at the held-out pictures that the page shows. */
const WATCH_EVERY = 800;

/** Of what `fineTune` saves, what is shown. */
interface SavedProgress {
  epoch: number;
  stopped: unknown;
  history: TrainingHistory;
}

/** What the browser's database holds; null for nothing. */
export async function keptRun(): Promise<KeptRun | null> {
  const saved = await savedTraining(PLACES[0] as string);
  if (!saved) return null;
  const { progress } = saved.extra as { progress: SavedProgress };
  return {
    step: saved.step,
    epochsDone: progress.epoch,
    isDone: progress.stopped !== null,
    points: progress.history.map(({ step, loss, accuracy, validationAccuracy, peakBytes }) => ({
      step,
      loss,
      accuracy,
      held: validationAccuracy,
      peakBytes,
    })),
  };
}

export async function forgetRun(): Promise<void> {
  for (const place of PLACES) await removeTraining(place);
}

function sourceOf({ pixels, side, channels, labels }: Pictures, classNames: string[]) {
  return tensorSource({ data: pixels, shape: [labels.length, side, side, channels] }, labels, {
    classNames,
  });
}

/** What follows from the settings for `fineTune`; what is not said there is its own. */
function optionsOf(settings: Settings, hasHead: boolean): FineTuneOptions {
  const { train, batch, epochs, seed, begin, data } = settings;
  const isFresh = begin === 'fresh';
  const root = Math.sqrt(batch / 32);
  return {
    train,
    batch,
    epochs,
    seed,
    headEpochs: !isFresh && train === 'all' && !hasHead && epochs > 1 ? 1 : 0,
    // A small network bears more than the usual rates.
    learningRate: root * (isFresh && train === 'all' ? 5e-3 : train === 'all' ? 2e-3 : 5e-3),
    layerDecay: isFresh ? 1 : 0.9,
    ema: false,
    patience: null,
    labelSmoothing: 0,
    // A drawing mirrored is another one, and a few hundred steps are too few for crops of it to help.
    augment:
      data === 'own'
        ? { scale: [0.75, 1], randAugment: null, colorJitter: 0.2, erasing: null }
        : 'none',
  };
}

/** Gives a network the weights to begin from; returns whether the head has come along. */
function begin(
  model: tfl.LayersModel,
  { begin: from }: Settings,
  kept: KeptWeights | undefined,
): boolean {
  if (from === 'fresh') return false;
  if (kept) return putWeights(model, kept);
  throw new Error(
    'There are no weights to begin from: train once with random weights, or open a checkpoint',
  );
}

/** A run, which can be paused. */
export class DemoRun {
  model: tfl.LayersModel;
  private readonly hasHead: boolean;
  private readonly stop = new AbortController();
  private lastWatch = 0;
  private lastStep = performance.now();
  /** Taken when it is paused: `fineTune` puts a model that it did not finish back as it was. */
  private atPause: KeptWeights | undefined;
  private isPausing = false;

  /** @throws {Error} when the weights to begin from do not fit */
  constructor(
    private readonly settings: Settings,
    private readonly data: DataSet,
    kept: KeptWeights | undefined,
    private readonly resume: { hasHead: boolean } | null,
    private readonly say: (message: FromWorker) => void,
  ) {
    this.model = makeModel(settings, data.classNames);
    try {
      this.hasHead = resume?.hasHead ?? begin(this.model, settings, kept);
    } catch (error) {
      this.model.dispose();
      throw error;
    }
  }

  /** Ends it after the step under way; what it has done is saved. */
  pause(): void {
    this.isPausing = true;
  }

  /** Trains to the end, or until paused. */
  async go(): Promise<void> {
    const { settings, data, say } = this;
    if (!this.resume) await forgetRun();
    say({ kind: 'started', hasHead: this.hasHead });
    const { classNames } = data;
    const training = await sourceOf(data.train, classNames);
    const held = data.held.labels.length > 0 ? await sourceOf(data.held, classNames) : 0;
    const watched = pick(data.held, watchedOf(data.held));
    let lastStepNumber = 0;
    try {
      const result = await fineTune(this.model, training, {
        ...optionsOf(settings, this.hasHead),
        validation: held,
        saveTo: PLACE,
        saveEvery: SAVE_EVERY,
        resume: this.resume !== null,
        signal: this.stop.signal,
        onStep: async ({ secondsLeft, ...step }) => {
          lastStepNumber = step.step;
          const ms = performance.now() - this.lastStep;
          say({ kind: 'step', news: { ...step, secondsLeft, ms } });
          await this.watch(step.step, watched);
          if (this.isPausing) await this.endHere();
          this.lastStep = performance.now();
        },
        onEpoch: ({ epoch, step, validationAccuracy = null, validationLoss = null }) => {
          say({ kind: 'epoch', epoch, step, accuracy: validationAccuracy, loss: validationLoss });
          this.lastStep = performance.now();
        },
        onSaveFailed: (error) => say({ kind: 'saveFailed', message: String(error) }),
      });
      this.model = result.model;
      await this.watch(result.steps, watched, true);
      const { steps, seconds, stopped, trainedParameters } = result;
      const accuracy = result.evaluation?.top1 ?? null;
      say({
        kind: 'done',
        news: { steps, seconds, stopped, trainedParameters, accuracy },
      });
    } catch (error) {
      if (!this.stop.signal.aborted) throw error;
      if (this.atPause) putWeights(this.model, this.atPause);
      say({ kind: 'paused', step: lastStepNumber });
    }
  }

  private async endHere(): Promise<void> {
    // With adapters on, the layers have other weights than they will have then.
    if (this.settings.train !== 'adapters') {
      this.atPause = await keepWeights(this.model, this.settings, this.data.classNames);
    }
    this.stop.abort();
  }

  /** Looks at the pictures that the page shows, when it is time. */
  private async watch(step: number, pictures: Pictures, isLast = false): Promise<void> {
    const now = performance.now();
    if (pictures.labels.length === 0 || (!isLast && now - this.lastWatch < WATCH_EVERY)) return;
    const probabilities = await classify(this.model, pictures);
    this.lastWatch = performance.now();
    this.say({ kind: 'watched', watched: { step, probabilities } });
  }
}
