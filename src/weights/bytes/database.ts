/** Files in IndexedDB, whole ones only: each is one record, which one transaction writes. */
import { finished, isQuotaError, openDatabaseOf, resultOf } from '../../common/indexed_db';
import { messageOf } from '../../common/messages';
import { CheckpointError } from '../errors';
import { blobSink, type ByteSink } from './sink';

/** Name of the database. Downloads have another one. */
const DATABASE = 'tfjs-revcol-files';
const FILES = 'files';

/** Runs `work` on the store of files, in one transaction. */
async function inTransaction<T>(
  name: string,
  mode: 'readonly' | 'readwrite',
  work: (files: IDBObjectStore) => IDBRequest<T>,
): Promise<T> {
  const factory = globalThis.indexedDB as IDBFactory | undefined;
  if (!factory) {
    throw new CheckpointError(
      'unsupported',
      `indexeddb://${name}: there is no IndexedDB here; in Node give a path`,
    );
  }
  let database: IDBDatabase | undefined;
  try {
    database = await openDatabaseOf(factory, DATABASE, (made) => made.createObjectStore(FILES));
    const transaction = database.transaction(FILES, mode, { durability: 'strict' });
    const done = finished(transaction);
    done.catch(() => undefined);
    const result = await resultOf(work(transaction.objectStore(FILES)));
    await done;
    return result;
  } catch (error) {
    throw new CheckpointError(
      'io',
      isQuotaError(error)
        ? `no space left in this site's storage for indexeddb://${name}; free some, or ask for more ` +
            'with navigator.storage.persist()'
        : `indexeddb://${name} cannot be used: ${messageOf(error)}`,
      { cause: error },
    );
  } finally {
    database?.close();
  }
}

/**
 * Writes a file in IndexedDB. It takes the place of one with this name when it is finished, in one
 * transaction that waits for the disk, where the browser can.
 *
 * @throws {CheckpointError} 'io' when it cannot be written; 'unsupported' where there is no IndexedDB
 */
export function databaseSink(name: string): ByteSink<void> {
  const blob = blobSink();
  return {
    ...blob,
    finish: async () => {
      const whole = await blob.finish();
      await inTransaction(name, 'readwrite', (files) => files.put(whole, name));
    },
  };
}

/**
 * A file in IndexedDB; undefined where there is none.
 *
 * @throws {CheckpointError} 'io' when it cannot be read; 'unsupported' where there is no IndexedDB
 */
export function databaseFile(name: string): Promise<Blob | undefined> {
  return inTransaction(
    name,
    'readonly',
    (files) => files.get(name) as IDBRequest<Blob | undefined>,
  );
}

/**
 * Removes a file in IndexedDB, if there is one.
 *
 * @throws {CheckpointError} 'io' when it cannot be removed; 'unsupported' where there is no IndexedDB
 */
export async function removeFromDatabase(name: string): Promise<void> {
  await inTransaction(name, 'readwrite', (files) => files.delete(name));
}
