/** What fine-tuning tells while it goes on. */
import type { HistoryPoint } from '../../evaluation/training_history';

/** A step that has been taken. */
export interface FineTuneStep {
  /** Its number, from 1, of `steps`. */
  readonly step: number;
  readonly steps: number;
  /** Number of the pass over the examples, from 1, of `epochs`. */
  readonly epoch: number;
  readonly epochs: number;
  /** What is being trained. */
  readonly phase: string;
  /** Mean loss of the step's examples, in nats, before the step. */
  readonly loss: number;
  /** Share of them that were classified rightly, in 0..1. */
  readonly accuracy: number;
  readonly learningRate: number;
  /** Bytes in tensors at the peak of the step. */
  readonly peakBytes: number;
  /** Examples per second since the step before. */
  readonly imagesPerSecond: number;
  /** Seconds until the last epoch is over, going by the steps so far. */
  readonly secondsLeft: number;
}

/**
 * An epoch that is over, and how it compares. Its loss, accuracy, speed and peak are those of the whole epoch; the point
 * of the history has those since the point before.
 */
export interface FineTuneEpoch extends HistoryPoint {
  readonly epoch: number;
  readonly epochs: number;
  /** Whether it is the best so far. */
  readonly isBest: boolean;
}

/** Functions that are called meanwhile. */
export interface FineTuneEvents {
  /** Called after every step. */
  onStep?: (step: FineTuneStep) => void | Promise<void>;
  /** Called after every epoch; `false` ends training, with the best weights so far. */
  onEpoch?: (epoch: FineTuneEpoch) => unknown;
  /** Called when saving has failed. Training goes on, and it is tried again. Default: `console.warn`. */
  onSaveFailed?: (error: unknown) => void;
}
