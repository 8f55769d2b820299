/** Published weights from the net, kept in a cache. */
import { runsInNode } from '../common/node';
import type { PretrainedWeights } from '../registry/pretrained';
import { openBrowserStore } from './browser_store';
import { downloadFile } from './download_file';
import { openNodeStore } from './node_store';
import type { WeightStore } from './store';

/** How far a download is. */
export interface DownloadProgress {
  fileName: string;
  /** Bytes that have arrived, those of earlier attempts included. */
  loaded: number;
  /** Bytes of the whole file, once known. */
  total?: number;
}

export interface FetchPretrainedOptions {
  /**
   * Node: the folder to keep files in. Default: the environment variable `TFJS_REVCOL_CACHE`, else
   * `tfjs-revcol` in the system's cache folder. Browsers keep files in IndexedDB.
   */
  cacheDir?: string;
  /** Address of a mirror: the file is taken from `baseUrl/fileName`, and only from there. */
  baseUrl?: string;
  /** Called at most every 50 ms, and at the end. */
  onProgress?: (progress: DownloadProgress) => void;
  /** Replaces the global `fetch`, e.g. to send credentials to a mirror. */
  fetch?: typeof fetch;
  /** Stops waiting. What has arrived stays, and the next call continues from there. */
  signal?: AbortSignal;
  /** Attempts in a row that may fail without a new byte before giving up. Default 5. */
  retries?: number;
  /** Wait before the first retry in ms, doubled for each further one, at most 30 s. Default 500. */
  retryDelayMs?: number;
  /** A connection that brings nothing for so long is cut and retried, in ms. Default 60,000. */
  stallTimeoutMs?: number;
}

/** What a download needs to know of a weight set. */
export type Downloadable = Pick<PretrainedWeights, 'fileName' | 'sources'>;

const PROGRESS_INTERVAL_MS = 50;

/** One running download that any number of callers wait for. */
interface Shared {
  whole: Promise<unknown>;
  controller: AbortController;
  waiting: number;
  listeners: Set<(progress: DownloadProgress) => void>;
  last?: DownloadProgress;
}

const running = new Map<string, Shared>();

/**
 * The file of a published weight set: from the cache, else downloaded into it.
 *
 * An interrupted download is continued where it stopped, in the same call and in later ones, if the
 * server supports ranges and the file is still the same. The length is verified, and the SHA-256
 * where one is published; a file that is not whole is never given out. Concurrent calls for one
 * file share a download, also between processes and browser tabs.
 *
 * @param record from `pretrainedWeights(name)`
 * @returns a path in Node, a `Blob` that stays on disk in browsers; both fit `loadCheckpoint`
 * @throws DownloadError with a `code`; `signal.reason` when aborted
 */
export async function fetchPretrained(
  record: Downloadable,
  options: FetchPretrainedOptions = {},
): Promise<string | Blob> {
  return runsInNode()
    ? fetchInto(await openNodeStore(options.cacheDir), record, options)
    : fetchInto(openBrowserStore(), record, options);
}

/**
 * Removes the file of a weight set from the cache, whole or unfinished.
 *
 * @param record from `pretrainedWeights(name)`
 * @throws DownloadError `'storage'` when the cache cannot be written
 */
export async function removePretrained(
  record: Downloadable,
  { cacheDir }: Pick<FetchPretrainedOptions, 'cacheDir'> = {},
): Promise<void> {
  const store = runsInNode() ? await openNodeStore(cacheDir) : openBrowserStore();
  await store.withLock(record.fileName, new AbortController().signal, () =>
    store.remove(record.fileName),
  );
}

/** `fetchPretrained` into a given store. */
export async function fetchInto<Whole>(
  store: WeightStore<Whole>,
  record: Downloadable,
  options: FetchPretrainedOptions,
): Promise<Whole> {
  options.signal?.throwIfAborted();
  const sources = sourcesOf(record, options.baseUrl);
  const key = [store.id, record.fileName, ...sources.map(({ url }) => url)].join('\n');
  let shared = running.get(key);
  if (!shared || shared.controller.signal.aborted) {
    const begun = begin(store, record.fileName, sources, options);
    const forget = () => {
      if (running.get(key) === begun) running.delete(key);
    };
    begun.whole.then(forget, forget);
    running.set(key, begun);
    shared = begun;
  }
  return join(shared, options) as Promise<Whole>;
}

function sourcesOf({ fileName, sources }: Downloadable, baseUrl?: string) {
  if (baseUrl === undefined) return sources;
  // A mirror holds the first source's file, so it must have that one's length and checksum.
  const url = `${baseUrl.replace(/\/+$/, '')}/${encodeURIComponent(fileName)}`;
  return [{ ...sources[0], url }];
}

function begin(
  store: WeightStore<unknown>,
  fileName: string,
  sources: Downloadable['sources'],
  options: FetchPretrainedOptions,
): Shared {
  const controller = new AbortController();
  const listeners: Shared['listeners'] = new Set();
  let reportedAt = -Infinity;
  const onProgress = (loaded: number, total: number | undefined) => {
    shared.last = { fileName, loaded, total };
    const now = Date.now();
    if (loaded !== total && now - reportedAt < PROGRESS_INTERVAL_MS) return;
    reportedAt = now;
    try {
      for (const listener of listeners) listener(shared.last);
    } catch (error) {
      // Thrown on from here it would look like a failed connection and be retried.
      controller.abort(error);
    }
  };
  const settings = {
    fetch: options.fetch ?? globalThis.fetch.bind(globalThis),
    retries: options.retries ?? 5,
    retryDelayMs: options.retryDelayMs ?? 500,
    stallTimeoutMs: options.stallTimeoutMs ?? 60_000,
    onProgress,
  };
  const shared: Shared = {
    whole: downloadFile(store, fileName, sources, settings, controller.signal),
    controller,
    waiting: 0,
    listeners,
  };
  return shared;
}

/** Waits for a shared download; it is stopped only when nobody waits for it any more. */
async function join(
  shared: Shared,
  { signal, onProgress }: FetchPretrainedOptions,
): Promise<unknown> {
  shared.waiting++;
  if (onProgress) shared.listeners.add(onProgress);
  let stopWaiting: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    stopWaiting = () => reject(signal?.reason as Error);
    signal?.addEventListener('abort', stopWaiting);
  });
  try {
    return await Promise.race([shared.whole, aborted]);
  } finally {
    if (stopWaiting) signal?.removeEventListener('abort', stopWaiting);
    if (onProgress) shared.listeners.delete(onProgress);
    if (--shared.waiting === 0) shared.controller.abort(signal?.reason);
  }
}
