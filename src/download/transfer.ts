/** One file over HTTP into a part, with ranges, retries and checks. Runs anywhere. */
import { retryDelayMs, sleep } from '../common/retry';
import { harmlessCause, harmlessMessage, shownUrl } from '../common/url';
import { DownloadError, RetryableError } from './errors';
import { announcedLength, type Plan, readResponse, requestHeaders } from './response';
import type { PartFile } from './store';

export interface TransferOptions {
  url: string;
  /** Exact length in bytes, where it is published. */
  bytes?: number;
  /** Whether a checksum will be verified afterwards. */
  hasChecksum: boolean;
  /** Whether the file is meant to be a web page. */
  takesPages: boolean;
  sendsIfRange: boolean;
  fetch: typeof fetch;
  signal: AbortSignal;
  /** Attempts in a row without a new byte before giving up. */
  retries: number;
  /** Wait before the first retry in ms; doubles with each, up to 30 s. */
  retryDelayMs: number;
  /** An attempt that brings no byte for so long is cut off and retried, in ms. */
  stallTimeoutMs: number;
  onProgress(loaded: number, total: number | undefined): void;
}

/**
 * Fills `part` from `options.url`: continues what is there if it is of the same version of the
 * file, else begins again. Cut connections, stalls, 408, 429 and 5xx are retried; the count of
 * retries starts anew whenever more of the file has arrived than ever before.
 *
 * @returns whether bytes of an earlier attempt are part of the result
 * @throws {DownloadError} 'network' when attempts kept failing, 'not-found', 'http' or 'size' when
 * another attempt would not help, 'storage' when the part cannot be written
 * @throws {unknown} `signal.reason` when aborted
 */
export async function transfer(part: PartFile, options: TransferOptions): Promise<boolean> {
  let furthest = part.received;
  let failures = 0;
  let resumed = false;
  for (;;) {
    try {
      resumed = (await attempt(part, options)) || resumed;
      return resumed && part.received > 0;
    } catch (error) {
      options.signal.throwIfAborted();
      if (!(error instanceof RetryableError)) throw error;
      if (part.received > furthest) {
        furthest = part.received;
        failures = 0;
      }
      if (++failures > options.retries) {
        const shown = shownUrl(options.url);
        const last = error.message.startsWith(`${shown}: `)
          ? error.message.slice(shown.length + 2)
          : error.message;
        throw new DownloadError(
          'network',
          `${shown}: gave up after ${failures} attempts in a row without a new byte; ` +
            `last: ${last}. What has arrived (${part.received} bytes) is kept; call again ` +
            'to continue',
          { ...error.details, cause: error },
        );
      }
      await sleep(retryDelayMs(failures, options.retryDelayMs, error.retryAfterMs), options.signal);
    }
  }
}

/** One request and its body. Resolves to whether it continued bytes that were there. */
async function attempt(part: PartFile, options: TransferOptions): Promise<boolean> {
  const { url, signal } = options;
  const plan = planOf(part, options);
  const { shown } = plan;
  if (plan.start > 0 && part.state?.total === plan.start) {
    options.onProgress(plan.start, plan.start);
    return true;
  }
  const watch = watchdog(signal, options.stallTimeoutMs);
  try {
    const response = await options.fetch(url, {
      headers: requestHeaders(plan),
      signal: watch.signal,
    });
    const body = await readResponse(response, part, plan);
    await drain(body.stream, part, body.total, options, watch.beat);
    if (body.total !== undefined && part.received < body.total) {
      throw new RetryableError(
        `${shown}: the connection ended after ${part.received} of ${body.total} bytes`,
        { url: shown },
      );
    }
    return body.continued;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof DownloadError) throw error;
    const reason = watch.stalled()
      ? `no data for ${options.stallTimeoutMs} ms`
      : `connection failed: ${harmlessMessage(error, url)}`;
    const at = `after ${part.received} of ${part.state?.total ?? 'an unknown number of'} bytes`;
    throw new RetryableError(`${shown}: ${reason}, ${at}`, {
      url: shown,
      cause: harmlessCause(error, url),
    });
  } finally {
    watch.stop();
  }
}

/**
 * Where the next request begins. Bytes without a validator are only trusted under a checksum, and
 * bytes of a body without length (it may have been compressed) not at all.
 */
function planOf(part: PartFile, options: TransferOptions): Plan {
  const { url, bytes, hasChecksum, takesPages } = options;
  const state = part.state;
  const trusted =
    state !== undefined &&
    state.url === url &&
    state.total !== undefined &&
    (state.validator !== undefined || hasChecksum) &&
    (bytes === undefined || state.total === bytes);
  return {
    url,
    shown: shownUrl(url),
    takesPages,
    bytes,
    hasChecksum,
    start: trusted ? part.received : 0,
    validator: trusted ? state.validator : undefined,
    sendsIfRange: options.sendsIfRange,
  };
}

async function drain(
  stream: ReadableStream<Uint8Array>,
  part: PartFile,
  total: number | undefined,
  { url, bytes, onProgress }: TransferOptions,
  beat: () => void,
): Promise<void> {
  const limit = total ?? bytes ?? Infinity;
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      beat();
      if (part.received + value.length > limit) {
        throw new DownloadError(
          'size',
          `${shownUrl(url)}: the server sent more than the ${limit} bytes it should; expected exactly that`,
          { url: shownUrl(url) },
        );
      }
      await part.append(value);
      onProgress(part.received, total ?? bytes);
    }
  } finally {
    // The body may already have failed; what matters is the error that is on its way.
    await reader.cancel().catch(() => undefined);
  }
}

/**
 * The length of a server's file, without taking the file; undefined where it does not say.
 *
 * @throws {DownloadError} 'network' when the server cannot be asked
 * @throws {unknown} `signal.reason` when aborted
 */
export async function announcedBy(
  url: string,
  { fetch, signal, stallTimeoutMs }: Pick<TransferOptions, 'fetch' | 'signal' | 'stallTimeoutMs'>,
): Promise<number | undefined> {
  const watch = watchdog(signal, stallTimeoutMs);
  try {
    // Not HEAD: signed addresses are good for GET only.
    const response = await fetch(url, {
      headers: { 'Accept-Encoding': 'identity' },
      signal: watch.signal,
    });
    await response.body?.cancel().catch(() => undefined);
    return response.status === 200 ? announcedLength(response) : undefined;
  } catch (error) {
    signal.throwIfAborted();
    const shown = shownUrl(url);
    throw new DownloadError(
      'network',
      `${shown}: the file in the cache was kept by an earlier version, without a note of where it ` +
        'came from, and the server cannot be asked whether it is whole ' +
        `(${harmlessMessage(error, url)}); connect once, or state bytes or sha256`,
      { url: shown },
    );
  } finally {
    watch.stop();
  }
}

/** A signal that follows `outer` and also fires when `beat` is not called for `timeoutMs`. */
function watchdog(outer: AbortSignal, timeoutMs: number) {
  const controller = new AbortController();
  let stalled = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const follow = () => controller.abort(outer.reason);
  const beat = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      stalled = true;
      controller.abort(new Error(`no data for ${timeoutMs} ms`));
    }, timeoutMs);
  };
  if (outer.aborted) follow();
  outer.addEventListener('abort', follow);
  beat();
  return {
    signal: controller.signal,
    beat,
    stalled: () => stalled,
    stop: () => {
      clearTimeout(timer);
      outer.removeEventListener('abort', follow);
    },
  };
}
