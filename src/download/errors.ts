/** The one error type of downloads. */
import { messageOf } from '../common/messages';

/**
 * Why a download failed:
 * - `'not-found'`: the server has no such file (404 or 410)
 * - `'http'`: another status that asking again will not change
 * - `'network'`: connections kept failing, stalling or ending early, or the server kept failing
 * - `'size'`: the file is not as long as announced or published
 * - `'checksum'`: the bytes are not the published ones
 * - `'storage'`: the cache cannot be written (no space, no permission, lock lost)
 */
export type DownloadErrorCode = 'not-found' | 'http' | 'network' | 'size' | 'checksum' | 'storage';

/** A download that did not give a whole, verified file. Nothing was put in the cache as whole. */
export class DownloadError extends Error {
  override readonly name = 'DownloadError';

  /**
   * @param code what went wrong
   * @param message what was asked for, what came, what to do
   * @param details the address, and the HTTP status where there was one
   */
  constructor(
    readonly code: DownloadErrorCode,
    message: string,
    readonly details: { url?: string; status?: number; cause?: unknown } = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
  }
}

/** A failure that another attempt may cure. */
export class RetryableError extends DownloadError {
  constructor(
    message: string,
    details: { url?: string; status?: number; cause?: unknown },
    /** How long the server asked to wait, in ms. */
    readonly retryAfterMs?: number,
  ) {
    super('network', message, details);
  }
}

/** The lock is no longer held: another process has taken it over. */
export class LockLostError extends DownloadError {
  constructor(path: string) {
    super('storage', `${path}: another process took the lock`);
  }
}

/** Runs work on the cache; whatever fails becomes a `'storage'` error that says where. */
export async function storing<T>(where: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof DownloadError) throw error;
    throw new DownloadError(
      'storage',
      `cannot keep the download at ${where}: ${messageOf(error)}; free space or give another place ` +
        '(cacheDir, or the environment variable TFJS_REVCOL_CACHE in Node)',
      { cause: error },
    );
  }
}
