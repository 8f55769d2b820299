/** What a run of training is about: its examples, its steps, and how good the model is. */
import type * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import type { SkippedExample } from '../../data/example_source';
import type { HistoryPoint } from '../../evaluation/training_history';
import type { PeakRate } from '../base/errors';
import type { Score } from './early_stopping';
import type { StepOutcome } from './stepper';

/** Examples of a step. */
export interface StepBatch {
  /** The number of each. */
  readonly indices: Int32Array;
  /** How many places of the order are read with it, what was left out included. */
  readonly end: number;
}

/** Which examples are wanted. */
export interface BatchRequest {
  /** From 0. */
  readonly epoch: number;
  readonly batchSize: number;
  /** Numbers of the examples, in the order in which they are read. */
  readonly order: Int32Array;
  readonly signal?: AbortSignal;
  /** Told of examples that cannot be read, which are left out then. */
  readonly onSkip?: (skipped: SkippedExample) => void;
}

/** What the history has of an evaluation. */
export type ValidationPoint = Pick<
  HistoryPoint,
  | 'validationLoss'
  | 'validationAccuracy'
  | 'validationMeanIoU'
  | 'validationBoxAP'
  | 'validationMaskAP'
>;

/** What an evaluation came to. */
export interface Validated<Result> {
  readonly evaluation: Result;
  readonly score: Score;
  /** What of it the history has. */
  readonly point: ValidationPoint;
}

/** What is trained, on what, and how it is evaluated. `Result`, what an evaluation gives, is plain JSON. */
export interface Job<Batch extends StepBatch, Result> {
  readonly model: tfl.LayersModel;
  batches(request: BatchRequest): AsyncIterable<Batch>;
  /** Takes a step, `number` counted from 1; where it diverges, the rate of the phase was too high. */
  step(
    optimizer: tf.Optimizer,
    number: number,
    batch: Batch,
    phase: PeakRate,
  ): Promise<StepOutcome>;
  /** Frees the tensors of a batch. */
  free(batch: Batch): void;
  /** Evaluates the model as it is after a step. */
  validate(step: number, phase: PeakRate): Promise<Validated<Result>>;
}
