/** The database that browsers keep downloads in. */
import { finished, isQuotaError, openDatabaseOf } from '../common/indexed_db';
import { messageOf } from '../common/messages';
import { DownloadError } from './errors';
import type { FileNote, PartState } from './store';

export const DATABASE = 'tfjs-revcol';
export const FILES = 'files';
export const CHUNKS = 'chunks';
/**
 * One row of `files`; its chunks are `[chunksOf, 0]` to `[chunksOf, chunks - 1]`. Whole files are
 * under their names, unfinished ones under `partKey`; 0.1.0 had both under the name.
 */
export interface FileRow {
  /** The key. */
  fileName: string;
  /** First half of its chunks' keys. Default, and in rows of 0.1.0: `fileName`. */
  chunksOf?: string;
  /** Of unfinished files, and of whole ones of 0.1.0. */
  state?: PartState;
  /** Of whole files. */
  note?: FileNote;
  chunks: number;
  received: number;
  complete: boolean;
  /** Another with every write, so that two pages notice each other where there are no locks. */
  revision?: string;
}

export function partKey(fileName: string): string {
  return `${fileName}\npart`;
}

export function chunksOf(row: FileRow): string {
  return row.chunksOf ?? row.fileName;
}

/** Sixteen random bytes as text. `randomUUID` is only there in secure contexts. */
export function randomId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');
}

/** Turns a database error into a `'storage'` DownloadError. */
export function storageError(fileName: string, error: unknown): DownloadError {
  const full = isQuotaError(error);
  return new DownloadError(
    'storage',
    full
      ? `no space left in this site's storage for ${fileName}; free some, or allow more with ` +
          'navigator.storage.persist()'
      : `cannot keep ${fileName} in IndexedDB: ${messageOf(error)}`,
    { cause: error },
  );
}

export function openDatabase(factory: IDBFactory): Promise<IDBDatabase> {
  return openDatabaseOf(factory, DATABASE, (database) => {
    database.createObjectStore(FILES, { keyPath: 'fileName' });
    database.createObjectStore(CHUNKS);
  });
}

/** The keys of a row's chunks. */
export function chunkRange(row: FileRow): IDBKeyRange {
  return IDBKeyRange.bound([chunksOf(row), 0], [chunksOf(row), Number.MAX_SAFE_INTEGER]);
}

/** Removes a row and its chunks, in a transaction that runs already. */
export function removeRow(files: IDBObjectStore, chunks: IDBObjectStore, row: FileRow): void {
  chunks.delete(chunkRange(row));
  files.delete(row.fileName);
}

/** Changes files and chunks in one transaction; whatever fails becomes a `'storage'` error. */
export async function change<T>(
  database: IDBDatabase,
  fileName: string,
  work: (files: IDBObjectStore, chunks: IDBObjectStore) => Promise<T>,
): Promise<T> {
  try {
    const transaction = database.transaction([FILES, CHUNKS], 'readwrite');
    const done = finished(transaction);
    done.catch(() => undefined);
    const result = await work(
      transaction.objectStore(FILES),
      transaction.objectStore(CHUNKS),
    ).catch((error: unknown) => {
      abort(transaction);
      throw error;
    });
    await done;
    return result;
  } catch (error) {
    throw error instanceof DownloadError ? error : storageError(fileName, error);
  }
}

function abort(transaction: IDBTransaction): void {
  try {
    transaction.abort();
  } catch {
    // It has ended by itself.
  }
}
