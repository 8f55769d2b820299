/** One verified file in a store, from the first of its sources that works. */
import { ofLines, oneLine } from '../common/harmless';
import { shownUrl } from '../common/url';
import { DownloadError, LockLostError } from './errors';
import type { Wanted } from './facts';
import type { FileNote, PartFile, Session, StoredFile, WeightStore } from './store';
import { announcedBy, transfer, type TransferOptions } from './transfer';
import {
  type AskLength,
  beginsAsPage,
  digestOf,
  isPageName,
  sourceId,
  whyNotWanted,
} from './verify';

export type DownloadSettings = Pick<
  TransferOptions,
  'fetch' | 'retries' | 'retryDelayMs' | 'stallTimeoutMs' | 'onProgress'
>;

/** Times that a download begins again because another process took over its lock. */
const LOST_LOCKS = 3;

/**
 * Gives the whole file: from the store if it is there and right, else downloaded. Until the download
 * is whole and verified, what was in the store stays there.
 *
 * @throws {DownloadError} of the last source when every source failed
 * @throws {unknown} `signal.reason` when aborted
 */
export async function downloadFile<Whole>(
  store: WeightStore<Whole>,
  wanted: Wanted,
  settings: DownloadSettings,
  signal: AbortSignal,
): Promise<Whole> {
  const cache = new Cache(
    store,
    wanted,
    (url) => announcedBy(url, { ...settings, signal }),
    signal,
  );
  const cached = await cache.find();
  if (cached) return cached.whole;
  for (let lost = 0; ; lost++) {
    try {
      return await store.withLock(wanted.fileName, signal, async (session) => {
        // Another process may have finished the file while this one waited.
        const finished = await cache.find();
        if (finished) return finished.whole;
        await cache.explain(() => fetchPart(store, session, wanted, settings));
        const found = await store.find(wanted.fileName);
        if (!found) {
          throw new DownloadError('storage', `${wanted.fileName} vanished from ${store.id}`);
        }
        return found.whole;
      });
    } catch (error) {
      if (!(error instanceof LockLostError) || lost >= LOST_LOCKS) throw error;
    }
  }
}

/** The file in the store, looked at once for each version of it. */
class Cache<Whole> {
  private refused: string | undefined;
  private why: string | undefined;

  constructor(
    private readonly store: WeightStore<Whole>,
    private readonly wanted: Wanted,
    private readonly ask: AskLength,
    private readonly signal: AbortSignal,
  ) {}

  /** The file that is wanted; undefined where there is none, or another. */
  async find(): Promise<StoredFile<Whole> | undefined> {
    this.signal.throwIfAborted();
    const file = await this.store.find(this.wanted.fileName);
    if (!file || file.version === this.refused) return undefined;
    this.why = await whyNotWanted(this.store, file, this.wanted, this.ask, this.signal);
    if (this.why === undefined) return file;
    this.refused = file.version;
    return undefined;
  }

  /** Runs a download; when it fails, the error also says why the cached file was not used. */
  async explain(download: () => Promise<void>): Promise<void> {
    try {
      await download();
    } catch (error) {
      const isTold = this.why !== undefined && error instanceof DownloadError;
      if (!isTold || error instanceof LockLostError) throw error;
      const { fileName } = this.wanted;
      const cached = `${fileName} in the cache is not the one that is wanted (${this.why})`;
      throw new DownloadError(error.code, `${cached}, and: ${error.message}`, {
        ...error.details,
        cause: error,
      });
    }
  }
}

async function fetchPart(
  store: WeightStore<unknown>,
  session: Session,
  wanted: Wanted,
  settings: DownloadSettings,
): Promise<void> {
  const part = await session.openPart();
  try {
    const note = await fillFromAny(store, part, wanted, settings, session.signal);
    session.signal.throwIfAborted();
    await part.commit(note);
  } finally {
    await part.close();
  }
}

async function fillFromAny(
  store: WeightStore<unknown>,
  part: PartFile,
  wanted: Wanted,
  settings: DownloadSettings,
  signal: AbortSignal,
): Promise<FileNote> {
  const begun = part.state?.url;
  const ordered = [...wanted.urls].sort((a, b) => Number(b === begun) - Number(a === begun));
  const failures: DownloadError[] = [];
  for (const url of ordered) {
    try {
      return await fill(store, part, url, wanted, settings, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof DownloadError) || error.code === 'storage') throw error;
      failures.push(error);
    }
  }
  const last = failures.at(-1);
  if (!last) throw new DownloadError('not-found', 'no address to download from was given');
  if (failures.length === 1) throw last;
  const each = failures.map((failure) => `- ${oneLine(failure.message)}`);
  const lines = [`none of ${failures.length} addresses gave the file:`, ...each];
  throw ofLines(new DownloadError(last.code, lines.join('\n'), { ...last.details, cause: last }));
}

/** Transfers and verifies; bytes that were continued and prove wrong get one fresh start. */
async function fill(
  store: WeightStore<unknown>,
  part: PartFile,
  url: string,
  wanted: Wanted,
  settings: DownloadSettings,
  signal: AbortSignal,
): Promise<FileNote> {
  const { bytes, sha256, fileName } = wanted;
  const options: TransferOptions = {
    ...settings,
    url,
    bytes,
    hasChecksum: sha256 !== undefined,
    takesPages: isPageName(fileName),
    sendsIfRange: store.sendsIfRange,
    signal,
  };
  for (;;) {
    const resumed = await transfer(part, options);
    const checked = await check(store, part, url, wanted, signal);
    if (!(checked instanceof DownloadError)) return checked;
    await part.discard();
    if (!resumed) throw checked;
  }
}

/** What is to be noted of the bytes, or what is wrong with them. */
async function check(
  store: WeightStore<unknown>,
  part: PartFile,
  url: string,
  { bytes, sha256, fileName }: Wanted,
  signal: AbortSignal,
): Promise<FileNote | DownloadError> {
  const shown = shownUrl(url);
  if (bytes !== undefined && part.received !== bytes) {
    return new DownloadError(
      'size',
      `${shown}: got ${part.received} bytes; the published file has ${bytes}`,
      { url: shown },
    );
  }
  if (sha256 === undefined && !isPageName(fileName) && (await beginsAsPage(part))) {
    return new DownloadError(
      'http',
      `${shown}: the server sent a web page in place of ${fileName}; is a log-in needed there?`,
      { url: shown },
    );
  }
  const isHashed = sha256 !== undefined || store.hashesFast;
  const got = isHashed ? await digestOf(store, part, shown, signal) : undefined;
  if (sha256 === undefined || got === sha256) {
    return { source: await sourceId(store, url), bytes: part.received, sha256: got };
  }
  return new DownloadError(
    'checksum',
    `${shown}: SHA-256 is ${got}; the published file has ${sha256}. The download was thrown away; ` +
      'the server or mirror holds another file',
    { url: shown },
  );
}
