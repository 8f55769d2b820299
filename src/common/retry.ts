/** Requests over HTTP that failed: which are worth another try, and when. */

/** No wait is longer, whatever a server asks for, in ms. */
export const MAX_DELAY_MS = 30_000;

/** Whether a status says that the same request may succeed later: overload, restarts, gateways. */
export function isTransientStatus(status: number): boolean {
  // 501 and 505 say what the server cannot do at all.
  return [408, 425, 429].includes(status) || (status >= 500 && ![501, 505].includes(status));
}

/** The wait that `Retry-After` asks for in ms, given in seconds or as a date. */
export function retryAfterMs(headers: Headers): number | undefined {
  const value = headers.get('retry-after');
  if (value === null) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}

/**
 * How long to wait after so many failures in a row, in ms: what the server asked for, else twice as
 * long each time, spread so that clients that failed together do not come back together.
 *
 * @param failures from 1
 * @param baseMs longest first wait
 */
export function retryDelayMs(failures: number, baseMs: number, askedMs?: number): number {
  const backoff = baseMs * 2 ** (failures - 1) * (0.5 + Math.random() / 2);
  return Math.min(askedMs ?? backoff, MAX_DELAY_MS);
}

/** Resolves after `ms`; rejects with the signal's reason as soon as it is aborted. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    if (signal?.aborted) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });
  });
}
