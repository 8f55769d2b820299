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
