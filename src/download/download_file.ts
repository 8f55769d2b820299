/** One verified file in a store, from the first of its sources that works. */
import { messageOf } from '../common/messages';
import type { WeightSource } from '../registry/pretrained';
import { DownloadError } from './errors';
import type { PartFile, WeightStore } from './store';
import { transfer, type TransferOptions } from './transfer';

export type DownloadSettings = Pick<
  TransferOptions,
  'fetch' | 'retries' | 'retryDelayMs' | 'stallTimeoutMs' | 'onProgress'
>;

/**
 * Gives the whole file: from the store if it is there (only verified files get in), else downloaded.
 *
 * @throws DownloadError of the last source when every source failed; `signal.reason` when aborted
 */
export async function downloadFile<Whole>(
  store: WeightStore<Whole>,
  fileName: string,
  sources: readonly WeightSource[],
  settings: DownloadSettings,
  signal: AbortSignal,
): Promise<Whole> {
  const cached = await store.find(fileName);
  if (cached) return cached;
  return store.withLock(fileName, signal, async (locked) => {
    // Another process may have finished the file while this one waited.
    const finished = await store.find(fileName);
    if (finished) return finished;
    const part = await store.openPart(fileName);
    try {
      await fillFromAny(store, part, sources, settings, locked);
      locked.throwIfAborted();
      await part.commit();
    } finally {
      await part.close();
    }
    const found = await store.find(fileName);
    if (!found) throw new DownloadError('storage', `${fileName} vanished from ${store.id}`);
    return found;
  });
}

async function fillFromAny(
  store: WeightStore<unknown>,
  part: PartFile,
  sources: readonly WeightSource[],
  settings: DownloadSettings,
  signal: AbortSignal,
): Promise<void> {
  const begun = part.state?.url;
  const ordered = [...sources].sort((a, b) => Number(b.url === begun) - Number(a.url === begun));
  const failures: DownloadError[] = [];
  for (const source of ordered) {
    try {
      await fill(store, part, source, settings, signal);
      return;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof DownloadError) || error.code === 'storage') throw error;
      failures.push(error);
    }
  }
  const last = failures.at(-1);
  if (!last) throw new DownloadError('not-found', 'there is no address to download from');
  if (failures.length === 1) throw last;
  throw new DownloadError(
    last.code,
    `none of ${failures.length} addresses gave the file:\n` +
      failures.map((failure) => `- ${failure.message}`).join('\n'),
    { ...last.details, cause: last },
  );
}

/** Transfers and verifies; bytes that were continued and prove wrong get one fresh start. */
async function fill(
  store: WeightStore<unknown>,
  part: PartFile,
  { url, bytes, sha256 }: WeightSource,
  settings: DownloadSettings,
  signal: AbortSignal,
): Promise<void> {
  const options: TransferOptions = {
    ...settings,
    url,
    bytes,
    hasChecksum: sha256 !== undefined,
    sendsIfRange: store.sendsIfRange,
    signal,
  };
  for (;;) {
    const resumed = await transfer(part, options);
    const wrong = await whatIsWrong(store, part, { url, bytes, sha256 }, signal);
    if (wrong === undefined) return;
    await part.discard();
    if (!resumed) throw wrong;
  }
}

async function whatIsWrong(
  store: WeightStore<unknown>,
  part: PartFile,
  { url, bytes, sha256 }: WeightSource,
  signal: AbortSignal,
): Promise<DownloadError | undefined> {
  if (bytes !== undefined && part.received !== bytes) {
    return new DownloadError(
      'size',
      `${url}: got ${part.received} bytes; the published file has ${bytes}`,
      { url },
    );
  }
  if (sha256 === undefined) return undefined;
  const hash = await store.createSha256();
  try {
    for await (const chunk of part.read()) {
      hash.update(chunk);
      signal.throwIfAborted();
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof DownloadError) throw error;
    throw new DownloadError('storage', `cannot read back ${url}: ${messageOf(error)}`, {
      cause: error,
    });
  }
  const got = hash.digest();
  if (got === sha256) return undefined;
  return new DownloadError(
    'checksum',
    `${url}: SHA-256 is ${got}; the published file has ${sha256}. The download was thrown away; ` +
      'the server or mirror holds another file',
    { url },
  );
}
