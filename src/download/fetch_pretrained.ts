/** Published weights from the net, kept in a cache. */
import { requireArgument } from '../common/arguments';
import { runsInNode } from '../common/node';
import { type OptionNames, requireOptions } from '../common/options';
import { openBrowserStore } from './browser_store';
import { downloadFile } from './download_file';
import { type Downloadable, type Wanted, wantedFile } from './facts';
import { openNodeStore } from './node_store';
import { findInPackage } from './package_file';
import type { WeightStore } from './store';

export type { Downloadable };

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

/** Their names. */
export const FETCH_OPTIONS: OptionNames<FetchPretrainedOptions> = {
  cacheDir: true,
  baseUrl: true,
  onProgress: true,
  fetch: true,
  signal: true,
  retries: true,
  retryDelayMs: true,
  stallTimeoutMs: true,
};

/** How often and how long is tried where nothing is said. */
export const DOWNLOAD_DEFAULTS = { retries: 5, retryDelayMs: 500, stallTimeoutMs: 60_000 };

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
 * The file of a published weight set: from the cache, else downloaded into it. In Node, a file that ships
 * with this package (`packageFile`) is used where it is.
 *
 * An interrupted download is continued where it stopped, in the same call and in later ones, if the
 * server supports ranges and the file is still the same. The length is verified, and the SHA-256
 * where one of the sources states it; a file that is not whole is never given out. One in the cache
 * is used if it is right: by the published length and SHA-256 (computed once, then noted beside the
 * file), else if it came from one of the addresses and was not changed since. Another is replaced
 * once the right one is whole. Concurrent calls for one file share a download, also between
 * processes and browser tabs.
 *
 * @param record from `pretrainedWeights(name)`, or of your own: all `sources` hold the one file
 * @returns a path in Node, a `Blob` that stays on disk in browsers; both fit `loadCheckpoint`
 * @throws {DownloadError} 'not-found', 'http', 'network', 'size' or 'checksum' when no source gave
 * the file, 'storage' when the cache cannot be read or written
 * @throws {Error} when `fileName` is no plain file name (Node), or the sources contradict each other
 * @throws {unknown} `signal.reason` when aborted
 */
export async function fetchPretrained(
  record: Downloadable,
  options: FetchPretrainedOptions = {},
): Promise<string | Blob> {
  requireOptions('fetchPretrained', options, FETCH_OPTIONS);
  requireRecord('fetchPretrained', record);
  if (!runsInNode()) return fetchInto(openBrowserStore(), record, options);
  options.signal?.throwIfAborted();
  const packaged = await findInPackage(record);
  return packaged ?? fetchInto(await openNodeStore(options.cacheDir), record, options);
}

/**
 * Removes the file of a weight set from the cache, whole or unfinished.
 *
 * @param record from `pretrainedWeights(name)`
 * @throws {DownloadError} 'storage' when the cache cannot be written
 * @throws {Error} when `fileName` is no plain file name (Node)
 */
export async function removePretrained(
  record: Downloadable,
  options: Pick<FetchPretrainedOptions, 'cacheDir'> = {},
): Promise<void> {
  requireOptions('removePretrained', options, { cacheDir: true });
  const { cacheDir } = options;
  requireRecord('removePretrained', record);
  const store = runsInNode() ? await openNodeStore(cacheDir) : openBrowserStore();
  await store.withLock(record.fileName, new AbortController().signal, (session) =>
    session.remove(),
  );
}

function requireRecord(owner: string, record: Downloadable): void {
  const fits = typeof record?.fileName === 'string' && Array.isArray(record.sources);
  requireArgument(owner, 'record', record, fits, 'what pretrainedWeights(name) gives');
}

/** `fetchPretrained` into a given store. */
export async function fetchInto<Whole>(
  store: WeightStore<Whole>,
  record: Downloadable,
  options: FetchPretrainedOptions,
): Promise<Whole> {
  options.signal?.throwIfAborted();
  const wanted = wantedFile(record, options.baseUrl);
  // Only those who expect the same bytes may share a download.
  const key = JSON.stringify([store.id, wanted]);
  let shared = running.get(key);
  if (!shared || shared.controller.signal.aborted) {
    const begun = begin(store, wanted, options);
    const forget = () => {
      if (running.get(key) === begun) running.delete(key);
    };
    begun.whole.then(forget, forget);
    running.set(key, begun);
    shared = begun;
  }
  return join(shared, options) as Promise<Whole>;
}

function begin(
  store: WeightStore<unknown>,
  wanted: Wanted,
  options: FetchPretrainedOptions,
): Shared {
  const controller = new AbortController();
  const listeners: Shared['listeners'] = new Set();
  let reportedAt = -Infinity;
  const onProgress = (loaded: number, total: number | undefined) => {
    shared.last = { fileName: wanted.fileName, loaded, total };
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
    retries: options.retries ?? DOWNLOAD_DEFAULTS.retries,
    retryDelayMs: options.retryDelayMs ?? DOWNLOAD_DEFAULTS.retryDelayMs,
    stallTimeoutMs: options.stallTimeoutMs ?? DOWNLOAD_DEFAULTS.stallTimeoutMs,
    onProgress,
  };
  const shared: Shared = {
    whole: downloadFile(store, wanted, settings, controller.signal),
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
