/** Metrics of classification, collected example by example. Pure: no tensors. */
import { CalibrationBins } from './calibration';
import type { ClassMetrics, Confusion, Evaluation, Mistake } from './evaluation';

/** With more classes than these the confusion matrix is left out: it grows with their square. */
const MOST_IN_MATRIX = 1000;
const MOST_CONFUSIONS = 50;
/** Loss of a probability of 0, the largest float32: JSON has no infinity. */
const MOST_LOSS = 3.4028234663852886e38;

/** What is known of an example. */
export interface Example {
  readonly index: number;
  readonly name: string;
  readonly label: number;
}

/** Options of `ClassificationMetrics`. */
export interface MetricsOptions {
  /** Bins of the calibration. */
  bins: number;
  /** How many mistakes are kept, those with the highest losses. */
  worst: number;
}

/** Collects the metrics of a classifier. */
export class ClassificationMetrics {
  private examples = 0;
  private losses = 0;
  private inFive = 0;
  private readonly support: number[];
  private readonly predicted: number[];
  private readonly right: number[];
  /** Counts by `label * classes + predicted`. */
  private readonly counts = new Map<number, number>();
  private readonly mistakes: Mistake[] = [];
  private readonly calibration: CalibrationBins;

  constructor(
    private readonly classNames: readonly string[],
    private readonly options: MetricsOptions,
  ) {
    const zeros = () => classNames.map(() => 0);
    [this.support, this.predicted, this.right] = [zeros(), zeros(), zeros()];
    this.calibration = new CalibrationBins(options.bins);
  }

  /**
   * Adds an example. Of equal probabilities the lower class counts as the more likely.
   *
   * @param logProbabilities natural logarithms, by class
   */
  add({ index, name, label }: Example, logProbabilities: ArrayLike<number>): void {
    const own = logProbabilities[label] as number;
    const loss = Math.min(-own, MOST_LOSS);
    let predicted = 0;
    let rank = 0;
    for (let c = 0; c < logProbabilities.length; c++) {
      const value = logProbabilities[c] as number;
      if (value > (logProbabilities[predicted] as number)) predicted = c;
      if (value > own || (value === own && c < label)) rank++;
    }
    const isRight = predicted === label;
    const probability = Math.exp(logProbabilities[predicted] as number);
    this.examples++;
    this.losses += loss;
    if (rank < 5) this.inFive++;
    (this.support[label] as number)++;
    (this.predicted[predicted] as number)++;
    if (isRight) (this.right[label] as number)++;
    const cell = label * this.classNames.length + predicted;
    this.counts.set(cell, (this.counts.get(cell) ?? 0) + 1);
    this.calibration.add(probability, isRight);
    if (isRight) return;
    this.keepWorst({
      index,
      name,
      label,
      predicted,
      probability,
      labelProbability: Math.exp(own),
      loss,
    });
  }

  /** @throws {Error} when no example was added */
  result(): Omit<Evaluation, 'skipped'> {
    if (this.examples === 0) throw new Error('evaluate: there is no example to evaluate');
    const right = this.right.reduce((sum, count) => sum + count, 0);
    const perClass = this.classNames.map((name, c) => this.classMetrics(name, c));
    const recalls = perClass.flatMap(({ recall }) => (recall === null ? [] : [recall]));
    return {
      examples: this.examples,
      classNames: [...this.classNames],
      loss: this.losses / this.examples,
      top1: right / this.examples,
      top5: this.inFive / this.examples,
      meanRecall: recalls.reduce((sum, recall) => sum + recall, 0) / recalls.length,
      perClass,
      confusionMatrix: this.matrix(),
      confusions: this.confusions(),
      calibration: this.calibration.result(),
      worst: [...this.mistakes],
    };
  }

  private classMetrics(name: string, c: number): ClassMetrics {
    const [support, predicted, right] = [this.support, this.predicted, this.right].map(
      (counts) => counts[c] as number,
    ) as [number, number, number];
    return {
      name,
      support,
      predicted,
      precision: predicted > 0 ? right / predicted : null,
      recall: support > 0 ? right / support : null,
      f1: support + predicted > 0 ? (2 * right) / (support + predicted) : null,
    };
  }

  private matrix(): number[][] | null {
    const classes = this.classNames.length;
    if (classes > MOST_IN_MATRIX) return null;
    return this.classNames.map((_, label) =>
      this.classNames.map((__, predicted) => this.counts.get(label * classes + predicted) ?? 0),
    );
  }

  private confusions(): Confusion[] {
    const classes = this.classNames.length;
    return [...this.counts]
      .map(([cell, count]) => ({
        label: Math.floor(cell / classes),
        predicted: cell % classes,
        count,
      }))
      .filter(({ label, predicted }) => label !== predicted)
      .sort((a, b) => b.count - a.count || a.label - b.label || a.predicted - b.predicted)
      .slice(0, MOST_CONFUSIONS);
  }

  /** In the order of losses; of equal ones the first that came stays first. */
  private keepWorst(mistake: Mistake): void {
    const at = this.mistakes.findIndex(({ loss }) => loss < mistake.loss);
    this.mistakes.splice(at === -1 ? this.mistakes.length : at, 0, mistake);
    if (this.mistakes.length > this.options.worst) this.mistakes.pop();
  }
}
