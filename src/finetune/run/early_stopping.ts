/** Which epoch is the best so far, and when waiting for a better one ends. */

/** When an epoch ended. */
interface At {
  /** From 1. */
  readonly epoch: number;
  /** Steps taken at its end. */
  readonly step: number;
}

/** How well a model does on examples that it does not see in training. */
export interface Score {
  /** What decides, in 0..1: of a classifier its accuracy, of a segmenter its mean intersection over union. */
  readonly accuracy: number;
  /** Mean cross entropy, in nats, which decides where that is the same; undefined where it is not known. */
  readonly loss?: number;
}

/** The best of a run. Plain JSON. */
export interface BestScore extends Score, At {}

/** Of the best epoch. Plain JSON. */
export interface Best extends At {
  /** Share of the examples that are classified rightly, in 0..1. */
  readonly accuracy: number;
  /** Mean cross entropy, in nats. */
  readonly loss: number;
}

/** A loss that is lower by less is the same. */
const LEAST_GAIN = 1e-4;

/** Whether a score is better than another: by accuracy, and by the loss where that is the same. */
export function isBetter(score: Score, than: Score | null): boolean {
  if (!than) return true;
  if (score.accuracy !== than.accuracy) return score.accuracy > than.accuracy;
  return (than.loss ?? 0) - (score.loss ?? 0) > LEAST_GAIN;
}

/**
 * Whether to stop.
 *
 * @param best that of all epochs so far
 * @param epoch the last one
 * @param patience epochs to wait for a better one; null: for ever
 * @param from first epoch that counts: what came before had other parts of the model frozen
 */
export function isExhausted(
  best: BestScore | null,
  epoch: number,
  patience: number | null,
  from: number,
): boolean {
  if (patience == null || !best) return false;
  return epoch - Math.max(best.epoch, from - 1) >= patience;
}
