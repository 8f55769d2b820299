/** How far a classifier's probabilities can be believed. */
import type { Calibration } from './evaluation';

/**
 * Sums by confidence in bins of equal width, `(low, high]`, of which the first also has 0 (Guo et al.
 * 2017, arXiv 1706.04599, section 2).
 */
export class CalibrationBins {
  private readonly counts: Float64Array;
  private readonly confidences: Float64Array;
  private readonly rights: Float64Array;

  constructor(private readonly bins: number) {
    [this.counts, this.confidences, this.rights] = [
      new Float64Array(bins),
      new Float64Array(bins),
      new Float64Array(bins),
    ];
  }

  /**
   * @param confidence probability of the class that is predicted, in 0..1
   * @param isRight whether it is the example's
   */
  add(confidence: number, isRight: boolean): void {
    const bin = Math.min(this.bins - 1, Math.max(0, Math.ceil(confidence * this.bins) - 1));
    (this.counts[bin] as number)++;
    (this.confidences[bin] as number) += confidence;
    if (isRight) (this.rights[bin] as number)++;
  }

  result(): Calibration {
    const total = this.counts.reduce((sum, count) => sum + count, 0);
    const bins = Array.from(this.counts, (count, i) => ({
      low: i / this.bins,
      high: (i + 1) / this.bins,
      count,
      confidence: count > 0 ? (this.confidences[i] as number) / count : null,
      accuracy: count > 0 ? (this.rights[i] as number) / count : null,
    }));
    const gaps = bins.map(({ confidence, accuracy }) =>
      Math.abs((confidence ?? 0) - (accuracy ?? 0)),
    );
    return {
      expectedError: gaps.reduce((sum, gap, i) => sum + gap * ((bins[i]?.count ?? 0) / total), 0),
      largestError: gaps.reduce((most, gap) => Math.max(most, gap), 0),
      bins,
    };
  }
}
