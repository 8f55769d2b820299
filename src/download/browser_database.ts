/** The database that browsers keep downloads in. */
import { messageOf } from '../common/messages';
import { DownloadError } from './errors';
import type { PartState } from './store';

export const DATABASE = 'tfjs-revcol';
export const FILES = 'files';
export const CHUNKS = 'chunks';
/** One row of `files`; its chunks are `[fileName, 0]` to `[fileName, chunks - 1]`. */
export interface FileRow {
  fileName: string;
  state: PartState;
  chunks: number;
  received: number;
  complete: boolean;
}

/** Turns a database error into a `'storage'` DownloadError. */
export function storageError(fileName: string, error: unknown): DownloadError {
  const full = (error as { name?: string } | null)?.name === 'QuotaExceededError';
  return new DownloadError(
    'storage',
    full
      ? `no space left in this site's storage for ${fileName}; free some, or allow more with ` +
          'navigator.storage.persist()'
      : `cannot keep ${fileName} in IndexedDB: ${messageOf(error)}`,
    { cause: error },
  );
}

export function resultOf<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error as DOMException);
  });
}

export function finished(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error as DOMException);
  });
}

export async function openDatabase(factory: IDBFactory): Promise<IDBDatabase> {
  const request = factory.open(DATABASE, 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore(FILES, { keyPath: 'fileName' });
    request.result.createObjectStore(CHUNKS);
  };
  const database = await resultOf(request);
  // Another page may want to upgrade; holding on would block it.
  database.onversionchange = () => database.close();
  return database;
}

export function chunkRange(fileName: string): IDBKeyRange {
  return IDBKeyRange.bound([fileName, 0], [fileName, Number.MAX_SAFE_INTEGER]);
}
