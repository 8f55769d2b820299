/**
 * Downloaded files in IndexedDB.
 *
 * Why not elsewhere: Cache Storage keeps only whole responses, so nothing can be resumed; the
 * origin private file system copies a file each time it is opened for writing outside a worker,
 * which for gigabytes is a copy per resume point. IndexedDB takes a chunk and the note of it in one
 * transaction, works in pages and workers of every browser, shares the origin's whole quota, and
 * gives Blobs back that stay on disk until read.
 */
import { resultOf } from '../common/indexed_db';
import {
  change,
  chunkRange,
  CHUNKS,
  DATABASE,
  type FileRow,
  FILES,
  openDatabase,
  partKey,
  randomId,
  removeRow,
  storageError,
} from './browser_database';
import { BrowserPart, readChunks } from './browser_part';
import { DownloadError } from './errors';
import type { FileNote, PartFile, Session, Sha256, StoredFile, WeightStore } from './store';
import { sourceId } from './verify';

class BrowserStore implements WeightStore<Blob> {
  readonly id = `indexeddb:${DATABASE}`;
  readonly sendsIfRange = false;
  readonly hashesFast = false;
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

  private row(key: string): Promise<FileRow | undefined> {
    return this.get(FILES, key, (files) => files.get(key));
  }

  async find(fileName: string): Promise<StoredFile<Blob> | undefined> {
    const row = await this.row(fileName);
    if (!row?.complete) return undefined;
    const blobs = await this.get<Blob[]>(CHUNKS, fileName, (chunks) =>
      chunks.getAll(chunkRange(row)),
    );
    // Made of references to stored Blobs: nothing is read yet.
    const whole = new Blob(blobs);
    if (whole.size !== row.received) return undefined;
    const database = await this.open();
    return {
      whole,
      bytes: whole.size,
      note: row.note ?? (await this.noteOf(row)),
      untouched: true,
      version: `${row.revision} ${row.received} ${row.state?.url}`,
      read: () => readChunks(database, row),
      remember: (note) => this.remember(row, note),
    };
  }

  /** Rows of 0.1.0 keep the address itself. */
  private async noteOf({ state, received }: FileRow): Promise<FileNote | undefined> {
    return state && { source: await sourceId(this, state.url), bytes: received };
  }

  private async remember(row: FileRow, note: FileNote): Promise<void> {
    await change(await this.open(), row.fileName, async (files) => {
      const stored = (await resultOf(files.get(row.fileName))) as FileRow | undefined;
      if (!stored?.complete || stored.revision !== row.revision) return;
      // The address itself need not be kept any longer.
      files.put({ ...row, state: undefined, note, revision: randomId() } satisfies FileRow);
    }).catch(() => undefined);
  }

  async withLock<T>(
    fileName: string,
    signal: AbortSignal,
    body: (session: Session) => Promise<T>,
  ): Promise<T> {
    const session: Session = {
      signal,
      openPart: () => this.openPart(fileName),
      remove: () => this.remove(fileName),
    };
    const locks = globalThis.navigator?.locks as LockManager | undefined;
    if (!locks) return body(session);
    return (await locks.request(`${DATABASE}/${fileName}`, { signal }, () => body(session))) as T;
  }

  private async openPart(fileName: string): Promise<PartFile> {
    // Parts of 0.1.0 are under the name itself.
    const rows = [await this.row(partKey(fileName)), await this.row(fileName)];
    const row = rows.find((found) => found && !found.complete);
    return new BrowserPart(await this.open(), fileName, row);
  }

  private async remove(fileName: string): Promise<void> {
    await change(await this.open(), fileName, async (files, chunks) => {
      for (const key of [fileName, partKey(fileName)]) {
        const row = (await resultOf(files.get(key))) as FileRow | undefined;
        if (row) removeRow(files, chunks, row);
      }
    });
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
 * @throws {DownloadError} 'storage' where there is no IndexedDB
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
