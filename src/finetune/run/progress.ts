/** How far training has come: plain JSON, which is saved with it, and the history that grows out of it. */
import * as tf from '@tensorflow/tfjs-core';

import { residentBytes } from '../../common/node';
import type { SkippedExample } from '../../data/example_source';
import type { HistoryPoint } from '../../evaluation/training_history';
import type { FineTuneEpoch } from '../base/events';
import type { BestScore } from './early_stopping';
import type { ValidationPoint } from './job';

/** Why training ended. */
export type StopReason = 'epochs' | 'patience' | 'callback';

/** Sums since the last point of the history. */
interface Sums {
  loss: number;
  right: number;
  examples: number;
  seconds: number;
  peakBytes: number;
}

/** All that is known of a run between two steps; `Result` is what an evaluation gives. */
export interface Progress<Result> {
  /** Steps taken. */
  step: number;
  /** Epochs that are over. */
  epoch: number;
  /** Steps of the next one that are over: taken, or left out as none of their examples can be read. */
  stepInEpoch: number;
  /** Number of the phase that was entered last. */
  phase: number;
  /** Spent on steps and validation so far, without pauses between runs. */
  seconds: number;
  history: HistoryPoint[];
  /** What was told of each epoch; absent in older files. */
  epochHistory?: FineTuneEpoch[];
  sums: Sums;
  /** The same since the last epoch. */
  epochSums: Sums;
  best: BestScore | null;
  stopped: StopReason | null;
  /** Examples that could not be read and were left out of training, each once; absent in older files. */
  skipped?: SkippedExample[];
  /** Of the validation part, by the best weights. */
  evaluation: Result | null;
}

const noSums = (): Sums => ({ loss: 0, right: 0, examples: 0, seconds: 0, peakBytes: 0 });

/** A run that has not begun. */
export function newProgress<Result>(): Progress<Result> {
  return {
    step: 0,
    epoch: 0,
    stepInEpoch: 0,
    phase: 0,
    seconds: 0,
    history: [],
    epochHistory: [],
    sums: noSums(),
    epochSums: noSums(),
    best: null,
    stopped: null,
    skipped: [],
    evaluation: null,
  };
}

/** Notes examples that were left out, each once. */
export function addSkipped(progress: Progress<unknown>, skipped: readonly SkippedExample[]): void {
  const known = new Map((progress.skipped ?? []).map((one) => [one.index, one]));
  for (const one of skipped) if (!known.has(one.index)) known.set(one.index, one);
  progress.skipped = [...known.values()].sort((a, b) => a.index - b.index);
}

/** What a step adds. */
export interface StepFacts {
  readonly loss: number;
  readonly right: number;
  readonly examples: number;
  readonly seconds: number;
  readonly peakBytes: number;
}

/** Counts a step. */
export function addStep(progress: Progress<unknown>, facts: StepFacts): void {
  progress.step++;
  progress.stepInEpoch++;
  progress.seconds += facts.seconds;
  for (const sums of [progress.sums, progress.epochSums]) {
    sums.loss += facts.loss * facts.examples;
    sums.right += facts.right;
    sums.examples += facts.examples;
    sums.seconds += facts.seconds;
    sums.peakBytes = Math.max(sums.peakBytes, facts.peakBytes);
  }
}

/** What a point has beside sums. */
type PointFacts = Pick<HistoryPoint, 'epoch' | 'learningRate' | 'phase'> & ValidationPoint;

/** Ends an interval: adds a point to the history. */
export function addPoint(progress: Progress<unknown>, facts: PointFacts): HistoryPoint {
  const { sums, step, seconds } = progress;
  const resident = residentBytes();
  const point: HistoryPoint = {
    step,
    ...facts,
    ...meansOf(sums),
    bytes: tf.memory().numBytes,
    ...(resident === undefined ? {} : { residentBytes: resident }),
    seconds,
  };
  progress.history.push(point);
  progress.sums = noSums();
  return point;
}

/** Ends an epoch: gives the means over its steps. */
export function endSums(progress: Progress<unknown>): Partial<HistoryPoint> {
  const means = meansOf(progress.epochSums);
  progress.epochSums = noSums();
  return means;
}

function meansOf({ loss, right, examples, seconds, peakBytes }: Sums): Partial<HistoryPoint> {
  if (examples === 0) return {};
  return {
    loss: loss / examples,
    accuracy: right / examples,
    imagesPerSecond: examples / Math.max(seconds, 1e-6),
    peakBytes,
  };
}
