/** The one error type of everything that reads or writes checkpoints. */

/**
 * What went wrong:
 * - `format`: not a checkpoint at all, or one with nothing to load in it;
 * - `corrupt`: a checkpoint whose parts contradict each other (damaged, truncated or forged);
 * - `unsupported`: sound, but using something that this reader does not handle;
 * - `mismatch`: readable, but it does not fit the model;
 * - `io`: the bytes could not be had (missing file, HTTP error, cut connection).
 */
export type CheckpointErrorCode = 'format' | 'corrupt' | 'unsupported' | 'mismatch' | 'io';

/** Thrown, or rejected with, by every function that reads or writes a checkpoint. */
export class CheckpointError extends Error {
  override readonly name = 'CheckpointError';

  constructor(
    readonly code: CheckpointErrorCode,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}
