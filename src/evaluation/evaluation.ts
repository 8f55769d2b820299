/** What an evaluation of a classifier tells: plain JSON. */
import type { SkippedExample } from '../data/example_source';

/** How one class is recognised. */
export interface ClassMetrics {
  readonly name: string;
  /** Examples of the class. */
  readonly support: number;
  /** Examples that were taken for the class, rightly or wrongly. */
  readonly predicted: number;
  /** Part of those taken for the class that are of it, in 0..1; null where none was taken for it. */
  readonly precision: number | null;
  /** Part of those of the class that were taken for it, in 0..1; null where there is none of it. */
  readonly recall: number | null;
  /** Harmonic mean of the two, `2 * right / (support + predicted)`; null where both are null. */
  readonly f1: number | null;
}

/** Examples whose highest probability lies in `(low, high]`. */
export interface CalibrationBin {
  readonly low: number;
  readonly high: number;
  readonly count: number;
  /** Mean of their highest probabilities; null where there are none. */
  readonly confidence: number | null;
  /** Part of them that is right; null where there are none. */
  readonly accuracy: number | null;
}

/**
 * How far probabilities can be believed (Guo et al. 2017, arXiv 1706.04599, section 2): of pictures about
 * which a calibrated model is 80 % sure, 80 % are right.
 */
export interface Calibration {
  /** Expected calibration error, equation 3: mean distance of confidence and accuracy, by examples. */
  readonly expectedError: number;
  /** Largest distance of confidence and accuracy of a bin, equation 5. */
  readonly largestError: number;
  /** Bins of equal width, from 0 to 1. */
  readonly bins: readonly CalibrationBin[];
}

/** An example that was classified wrongly. */
export interface Mistake {
  /** Number of the example in its source; of a stream, in its order. */
  readonly index: number;
  readonly name: string;
  /** Its class. */
  readonly label: number;
  /** The class it was taken for. */
  readonly predicted: number;
  /** Probability that the model gives the class it took it for. */
  readonly probability: number;
  /** Probability that the model gives its class. */
  readonly labelProbability: number;
  /** `-log` of the latter; where that is infinite (a logit of -Infinity), 3.4e38, the largest float32. */
  readonly loss: number;
}

/** How often examples of a class were taken for another. */
export interface Confusion {
  readonly label: number;
  readonly predicted: number;
  readonly count: number;
}

/** What `evaluate` tells. It is plain JSON. */
export interface Evaluation {
  /** Examples that were evaluated. */
  readonly examples: number;
  /** Names by class, as the model numbers them. */
  readonly classNames: readonly string[];
  /** Mean cross entropy, in nats; a probability of 0 counts as a loss of 3.4e38, the largest float32. */
  readonly loss: number;
  /** Part whose class is the most likely one, in 0..1. */
  readonly top1: number;
  /**
   * Part whose class is among the five most likely ones, in 0..1. With five classes or fewer it is 1 and tells nothing, so
   * that reports and the command leave it out.
   */
  readonly top5: number;
  /** Mean recall of the classes that occur: accuracy as if all were equally frequent. */
  readonly meanRecall: number;
  readonly perClass: readonly ClassMetrics[];
  /** Counts by class (row) and predicted class (column); null with more than 1000 classes. */
  readonly confusionMatrix: readonly (readonly number[])[] | null;
  /** The most frequent confusions of two classes, most frequent first: at most 50. */
  readonly confusions: readonly Confusion[];
  readonly calibration: Calibration;
  /** The mistakes with the highest losses, highest first. */
  readonly worst: readonly Mistake[];
  /** Examples that could not be read and were left out, as asked. */
  readonly skipped: readonly SkippedExample[];
}

/** Whether there are classes enough for the five most likely ones to tell anything. */
export function tellsTop5({ classNames }: Pick<Evaluation, 'classNames'>): boolean {
  return classNames.length > 5;
}
