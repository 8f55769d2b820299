/**
 * Downloaded files in IndexedDB.
 *
 * Why not elsewhere: Cache Storage keeps only whole responses, so nothing can be resumed; the
 * origin private file system copies a file each time it is opened for writing outside a worker,
 * which for gigabytes is a copy per resume point. IndexedDB takes a chunk and the note of it in one
 * transaction, works in pages and workers of every browser, shares the origin's whole quota, and
 * gives Blobs back that stay on disk until read.
 */
import {
  chunkRange,
  CHUNKS,
  DATABASE,
  type FileRow,
  FILES,
  openDatabase,
  resultOf,
  storageError,
} from './browser_database';
import { BrowserPart } from './browser_part';
import { DownloadError } from './errors';
import type { PartFile, Sha256, WeightStore } from './store';

class BrowserStore implements WeightStore<Blob> {
  readonly id = `indexeddb:${DATABASE}`;
  readonly sendsIfRange = false;
  private database: Promise<IDBDatabase> | undefined;

  constructor(private readonly factory: IDBFactory) {}

  private open(): Promise<IDBDatabase> {
    this.database ??= openDatabase(this.factory).catch((error: unknown) => {
      this.database = undefined;
      throw storageError(DATABASE, error);
    });
    return this.database;
  }

  /** Reads with one request; a failure becomes a `'storage'` error. */
  private async get<T>(
    store: string,
    fileName: string,
    ask: (store: IDBObjectStore) => IDBRequest,
  ): Promise<T> {
    const database = await this.open();
    try {
      return (await resultOf(ask(database.transaction(store).objectStore(store)))) as T;
    } catch (error) {
      throw storageError(fileName, error);
    }
  }

  private row(fileName: string): Promise<FileRow | undefined> {
    return this.get(FILES, fileName, (files) => files.get(fileName));
  }

  async find(fileName: string): Promise<Blob | undefined> {
    const row = await this.row(fileName);
    if (!row?.complete) return undefined;
    const blobs = await this.get<Blob[]>(CHUNKS, fileName, (chunks) =>
      chunks.getAll(chunkRange(fileName)),
    );
    // Made of references to stored Blobs: nothing is read yet.
    const whole = new Blob(blobs);
    return whole.size === row.received ? whole : undefined;
  }

  async remove(fileName: string): Promise<void> {
    await new BrowserPart(await this.open(), fileName, undefined).discard();
  }

  async openPart(fileName: string): Promise<PartFile> {
    const row = await this.row(fileName);
    return new BrowserPart(await this.open(), fileName, row?.complete ? undefined : row);
  }

  async withLock<T>(
    fileName: string,
    signal: AbortSignal,
    body: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const locks = globalThis.navigator?.locks as LockManager | undefined;
    if (!locks) return body(signal);
    return (await locks.request(`${DATABASE}/${fileName}`, { signal }, () => body(signal))) as T;
  }

  async createSha256(): Promise<Sha256> {
    const [{ sha256 }, { bytesToHex }] = await Promise.all([
      import('@noble/hashes/sha2'),
      import('@noble/hashes/utils'),
    ]);
    const hash = sha256.create();
    return {
      update: (chunk) => void hash.update(chunk),
      digest: () => bytesToHex(hash.digest()),
    };
  }
}

/**
 * The store of this web page's origin.
 *
 * @throws DownloadError `'storage'` where there is no IndexedDB
 */
export function openBrowserStore(): WeightStore<Blob> {
  const factory = globalThis.indexedDB as IDBFactory | undefined;
  if (!factory) {
    throw new DownloadError(
      'storage',
      'this environment has neither a file system nor IndexedDB to keep downloads in; fetch the ' +
        'file yourself and give its bytes to loadCheckpoint',
    );
  }
  return new BrowserStore(factory);
}
