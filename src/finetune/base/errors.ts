/** What fine-tuning throws. */

/**
 * Training in which a number stopped being finite. No weight has been updated by the step; where training is
 * saved, the checkpoint before it is kept.
 */
export class DivergedError extends Error {
  override name = 'DivergedError';

  /**
   * @param step number of the step, from 1
   * @param layer path of the first layer whose output was not finite; null where all of them were
   * @param message what happened, and what to do
   */
  constructor(
    readonly step: number,
    readonly layer: string | null,
    message: string,
  ) {
    super(message);
  }
}

/** The highest learning rate of some steps, and the option that sets it. */
export interface PeakRate {
  readonly option: 'learningRate' | 'headLearningRate';
  readonly peak: number;
}

/** What to do when training has diverged: a third of a rate that was too high is most often low enough. */
export function againSlower({ option, peak }: PeakRate): string {
  const lower = Number((peak / 3).toPrecision(1));
  return `Training has diverged: begin again with ${option} ${lower} or less; it was ${Number(peak.toPrecision(3))}`;
}
