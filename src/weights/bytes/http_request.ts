/** Requests to a server that may be busy, and connections that may be cut. */

import { messageOf } from '../../common/messages';
import { runsInNode } from '../../common/node';
import { isTransientStatus, retryAfterMs, retryDelayMs, sleep } from '../../common/retry';
import { harmlessCause, harmlessMessage, shownUrl } from '../../common/url';
import { CheckpointError } from '../errors';

/** How to reach a URL. */
export interface UrlOptions {
  /** Used in place of the global `fetch`, for example to add credentials. */
  fetch?: typeof fetch;
  /** Stops the reading: pending and later reads fail with code `io`. */
  signal?: AbortSignal;
  /**
   * How often a request is made again that met a busy server (408, 425, 429, 5xx) or whose connection
   * was cut. Default 5.
   */
  retries?: number;
  /**
   * Wait before the first of these in ms, doubled for each further one, at most 30 s. A server that
   * says how long to wait (`Retry-After`) is heeded instead. Default 500.
   */
  retryDelayMs?: number;
}

const DEFAULT_RETRIES = 5;
const DEFAULT_DELAY_MS = 500;

/** A failure that another attempt may cure. */
export class TransientError extends CheckpointError {
  constructor(
    message: string,
    readonly retryAfterMs?: number,
    options?: { cause?: unknown },
  ) {
    super('io', message, options);
  }
}

/** Runs `attempt`, again and again while it fails with a {@link TransientError}, within bounds. */
export async function withRetries<T>(
  url: string,
  options: UrlOptions,
  attempt: () => Promise<T>,
): Promise<T> {
  const { signal, retries = DEFAULT_RETRIES, retryDelayMs: base = DEFAULT_DELAY_MS } = options;
  for (let failures = 1; ; failures++) {
    try {
      return await attempt();
    } catch (error) {
      if (signal?.aborted) throw stopped(url, signal);
      if (!(error instanceof TransientError) || !isHttp(url)) throw error;
      if (failures > retries) {
        throw new CheckpointError('io', `${error.message}; gave up after ${failures} attempts`, {
          cause: error,
        });
      }
      await sleep(retryDelayMs(failures, base, error.retryAfterMs), signal).catch(() => {
        throw stopped(url, signal);
      });
    }
  }
}

/**
 * One request, to which a server has answered.
 *
 * @param accepted statuses that the caller handles, beside those of success
 * @throws {TransientError} when it is worth another try
 * @throws {CheckpointError} 'io' when it is not
 */
export async function requestOnce(
  url: string,
  options: UrlOptions,
  init: RequestInit = {},
  accepted: readonly number[] = [],
): Promise<Response> {
  const get = options.fetch ?? globalThis.fetch;
  let response: Response;
  try {
    response = await get(url, { ...init, signal: options.signal });
  } catch (error) {
    const message = `${shownUrl(url)} cannot be reached: ${harmlessMessage(error, url)}`;
    const cause = harmlessCause(error, url);
    if (hasCredentials(url)) {
      const advice = 'give them as a header, by a fetch of your own (option fetch)';
      throw new CheckpointError('io', `${message}; it has a user or password: ${advice}`, {
        cause,
      });
    }
    if (isHopeless(url, error)) throw new CheckpointError('io', message, { cause });
    throw new TransientError(message, undefined, { cause });
  }
  if (response.ok || accepted.includes(response.status)) return response;
  await letGo(response);
  const answer = `${shownUrl(url)} answered ${response.status} ${response.statusText}`.trim();
  if (isTransientStatus(response.status)) {
    throw new TransientError(answer, retryAfterMs(response.headers));
  }
  throw new CheckpointError(
    'io',
    `${answer}; check the address, or ` +
      (runsInNode()
        ? 'download the file and give its path'
        : 'give the file itself, a Blob or ArrayBuffer'),
  );
}

/** Whether there is a server to ask; `blob:` and `data:` URLs are in this very process. */
export function isHttp(url: string): boolean {
  return /^https?:/i.test(url);
}

/** Gives up the rest of an answer. */
export async function letGo(response: Response): Promise<void> {
  // The body may have failed already, or be in use: there is nothing left to do with it.
  await response.body?.cancel().catch(() => undefined);
}

/** A connection that ended before the body did. */
export function cut(url: string, error: unknown): TransientError {
  const message = `${shownUrl(url)}: the connection was cut: ${harmlessMessage(error, url)}`;
  return new TransientError(message, undefined, { cause: harmlessCause(error, url) });
}

/** Too few bytes are a connection that was cut; too many no second try makes fewer. */
export function wrongLength(url: string, expected: number, got: number): CheckpointError {
  const promised = `${shownUrl(url)} promised ${expected} bytes and sent`;
  return got < expected
    ? new TransientError(`${promised} only ${got}`)
    : new CheckpointError('io', `${promised} at least ${got}`);
}

/** Which no `fetch` takes in an address. */
function hasCredentials(url: string): boolean {
  const { username, password } = new URL(url);
  return username !== '' || password !== '';
}

/** No such host, nobody listens, a `blob:` URL that was revoked: it will stay so. */
function isHopeless(url: string, error: unknown): boolean {
  const { code } = ((error as Error | null)?.cause ?? {}) as { code?: unknown };
  return !isHttp(url) || code === 'ENOTFOUND' || code === 'ECONNREFUSED';
}

function stopped(url: string, signal?: AbortSignal): CheckpointError {
  const reason: unknown = signal?.reason;
  return new CheckpointError('io', `${shownUrl(url)}: reading was stopped: ${messageOf(reason)}`, {
    cause: reason,
  });
}
