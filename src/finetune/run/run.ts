/** A run of fine-tuning: epochs of steps, validation, the best weights, and saving it all as it goes. */
import * as tf from '@tensorflow/tfjs-core';

import { requireSomeRead, type SkippedExample } from '../../data/example_source';
import { watchBytes } from '../../ops/engine/watch_bytes';
import { AdamW } from '../../training/adamw';
import { Ema } from '../../training/ema';
import type { RunSettings } from '../base/options';
import type { Phase } from '../base/phases';
import type { RunPlan } from '../base/plan';
import { rateGroups } from '../base/rate_groups';
import { isBetter, isExhausted } from './early_stopping';
import type { Job, StepBatch, Validated } from './job';
import { areFinite } from './non_finite';
import {
  addPoint,
  addSkipped,
  addStep,
  endSums,
  newProgress,
  type Progress,
  type StopReason,
} from './progress';
import { Saver, type SaverOptions } from './saver';
import type { PartsSwitch } from './trained_parts';
import { loadRun, type SavedRun, Together, type TrainingPlaces } from './training_files';
import { nextTurn } from './turns';
import { WeightCopies } from './weight_copies';

/** Points of the history that a run has at most, besides those at the ends of epochs. */
const POINTS = 500;

/** What of the options a run itself goes by. */
export type RunOptions = Pick<
  RunSettings,
  'signal' | 'onError' | 'adapters' | 'onStep' | 'onEpoch'
> &
  SaverOptions;

/** A run, which can be gone on with where it was saved. */
export class Run<Batch extends StepBatch, Result> {
  progress: Progress<Result> = newProgress();
  private readonly optimizer: AdamW;
  private readonly ema: Ema | undefined;
  private readonly best: WeightCopies;
  private phase: Phase | undefined;
  private readonly saver: Saver | null;
  /** Whether what there is now must not be saved: a step has failed in the middle. */
  private isBroken = false;

  constructor(
    private readonly owner: string,
    private readonly job: Job<Batch, Result>,
    private readonly plan: RunPlan,
    private readonly parts: PartsSwitch,
    private readonly options: RunOptions,
    places: TrainingPlaces | null,
  ) {
    const { model } = job;
    const { form, task, layerDecay, weightDecay, emaDecay } = plan;
    // Moments of all phases are in one optimizer: a weight that joins later begins at its first step.
    this.optimizer = new AdamW({
      weightDecay,
      groups: form.train === 'all' ? rateGroups(model, { layerDecay, weightDecay, task }) : [],
      // The steps of a detector walk back part by part.
      fused: form.parts === 1 && task !== 'detection',
    });
    this.ema = emaDecay === null ? undefined : new Ema(model, { decay: emaDecay, warmup: true });
    this.best = new WeightCopies(parts.changing);
    this.saver = places && new Saver(owner, places, options);
  }

  private get saved(): SavedRun {
    return { settings: this.plan.settings, progress: this.progress };
  }

  private get savedParts() {
    const parts = { best: this.best, ...(this.ema ? { ema: this.ema } : {}) };
    return {
      model: this.job.model,
      optimizer: this.optimizer,
      ema: new Together(parts),
    };
  }

  /** Goes on from what was saved at a place. */
  async load(place: string, progress: Progress<unknown>): Promise<void> {
    this.progress = progress as Progress<Result>;
    // What is frozen must be what was frozen then.
    this.enterPhase(progress.phase);
    await loadRun(place, this.savedParts);
  }

  /** Trains to the end, and leaves the best weights in the model. */
  async go(): Promise<void> {
    const { sampler, phases } = this.plan;
    const { progress } = this;
    try {
      // What was saved may have come to its end in an epoch whose `onEpoch` threw.
      progress.stopped ??= this.endReached();
      while (progress.stopped === null) {
        this.enterPhase(phases.findIndex(({ to }) => progress.epoch < to));
        if (progress.stepInEpoch < sampler.steps) await this.trainEpoch();
        const goesOn = await this.endEpoch();
        progress.stopped = goesOn ? this.endReached() : 'callback';
        // Not after every epoch where these are short.
        await this.save(progress.stopped === null ? 0.1 : 0);
      }
    } catch (error) {
      if (!this.isBroken) await this.save(0);
      throw error;
    }
    if (this.best.isTaken) this.best.put();
    else if (this.ema) this.ema.apply();
    // Once more: there may have been no validation, or the file may be gone since.
    await this.saver?.saveBest(this.job.model, this.optimizer, this.saved);
  }

  /** Why no epoch follows those that are over; null where one does. */
  private endReached(): StopReason | null {
    const { best, epoch } = this.progress;
    const { epochs, patience, phases } = this.plan;
    if (epoch >= epochs) return 'epochs';
    const main = (phases.at(-1) as Phase).from + 1;
    return isExhausted(best, epoch, patience, main) ? 'patience' : null;
  }

  /** Saves the state when a share of the usual time has passed since it was. */
  private async save(share: number): Promise<void> {
    // Of no step there is nothing to go on with.
    if (this.progress.step === 0 || !this.saver?.isDue(share)) return;
    // After an update that was not finite the state before it is kept: the next step tells.
    if (!(await areFinite(this.parts.changing))) return;
    await this.saver.saveLast(this.savedParts, this.saved);
  }

  private enterPhase(number: number): void {
    const phase = this.plan.phases[number] as Phase;
    if (phase === this.phase) return;
    this.parts.train(phase.name, this.options.adapters, this.plan.seed);
    this.phase = phase;
    this.progress.phase = number;
  }

  /** Takes the steps of the epoch that are left. */
  private async trainEpoch(): Promise<void> {
    const { progress, plan, job } = this;
    const { sampler, batch } = plan;
    const { signal, onError } = this.options;
    signal?.throwIfAborted();
    const from = progress.stepInEpoch;
    const skipped: SkippedExample[] = [];
    const onSkip = (example: SkippedExample) => {
      skipped.push(example);
      addSkipped(progress, [example]);
    };
    const batches = job.batches({
      epoch: progress.epoch,
      batchSize: batch,
      order: sampler.order(progress.epoch, from),
      signal,
      ...(onError === 'skip' ? { onSkip } : {}),
    });
    let last = performance.now();
    for await (const examples of batches) {
      const seconds = () => {
        const now = performance.now();
        const passed = (now - last) / 1000;
        last = now;
        return passed;
      };
      try {
        // Steps whose examples cannot be read are left out: those behind them keep their places.
        progress.stepInEpoch = from + Math.ceil(examples.end / batch) - 1;
        await this.step(examples, seconds);
      } finally {
        job.free(examples);
      }
      await nextTurn();
      signal?.throwIfAborted();
      if (progress.stepInEpoch === sampler.steps) break;
      await this.save(1);
    }
    requireSomeRead(this.owner, progress.epochSums.examples, skipped);
    // The last steps may have been left out.
    progress.stepInEpoch = sampler.steps;
  }

  private async step(examples: Batch, seconds: () => number): Promise<void> {
    const { progress, plan, optimizer } = this;
    const { epochs, sampler } = plan;
    const phase = this.phase as Phase;
    const perEpoch = sampler.steps;
    const inPhase = (progress.epoch - phase.from) * perEpoch + progress.stepInEpoch + 1;
    optimizer.learningRate = phase.rate(inPhase);
    let peakBytes = tf.memory().numBytes;
    const stop = watchBytes((bytes) => {
      peakBytes = Math.max(peakBytes, bytes);
    });
    const number = progress.step + 1;
    this.isBroken = true;
    const { loss, right } = await this.job.step(optimizer, number, examples, phase).finally(stop);
    this.ema?.update();
    this.isBroken = false;
    const count = examples.indices.length;
    const spent = seconds();
    addStep(progress, { loss, right, examples: count, seconds: spent, peakBytes });
    const steps = epochs * perEpoch;
    const every = Math.ceil(steps / POINTS);
    if (number % every === 0 && progress.stepInEpoch < perEpoch) this.point();
    await this.options.onStep?.({
      step: number,
      steps,
      epoch: progress.epoch + 1,
      epochs,
      phase: phase.name,
      loss,
      accuracy: right / Math.max(1, count),
      learningRate: optimizer.learningRate,
      peakBytes,
      imagesPerSecond: count / Math.max(spent, 1e-6),
      secondsLeft: (progress.seconds / number) * (steps - number),
    });
  }

  /** Adds a point to the history. */
  private point(validated?: Validated<Result>) {
    const { progress, plan, optimizer } = this;
    return addPoint(progress, {
      epoch: progress.epoch + progress.stepInEpoch / plan.sampler.steps,
      phase: (this.phase as Phase).name,
      learningRate: optimizer.learningRate,
      ...validated?.point,
    });
  }

  /** Looks at how good the model is now; returns whether to go on. */
  private async endEpoch(): Promise<boolean> {
    const { progress, plan } = this;
    const start = performance.now();
    const validated = plan.isValidated ? await this.validated() : undefined;
    progress.seconds += (performance.now() - start) / 1000;
    const point = { ...this.point(validated), ...endSums(progress) };
    progress.epoch++;
    progress.stepInEpoch = 0;
    const isBest = !validated || progress.best?.epoch === progress.epoch;
    const told = { ...point, epoch: progress.epoch, epochs: plan.epochs, isBest };
    (progress.epochHistory ??= []).push(told);
    return (await this.options.onEpoch?.({ ...told })) !== false;
  }

  /** Evaluates the averaged weights, where there are any, and keeps those of the best epoch. */
  private async validated(): Promise<Validated<Result>> {
    const { progress, job, ema } = this;
    ema?.apply();
    try {
      const validated = await job
        .validate(progress.step, this.phase as Phase)
        .catch((error: unknown) => {
          if ((error as Error).name === 'DivergedError') this.isBroken = true;
          throw error;
        });
      const { evaluation, score } = validated;
      if (isBetter(score, progress.best)) {
        await this.best.take();
        progress.best = { ...score, epoch: progress.epoch + 1, step: progress.step };
        progress.evaluation = evaluation;
        await this.saver?.saveBest(job.model, this.optimizer, this.saved);
      }
      return validated;
    } finally {
      ema?.restore();
    }
  }

  /** Frees the optimizer and the averages. */
  dispose(): void {
    this.optimizer.dispose();
    this.ema?.dispose();
  }
}
