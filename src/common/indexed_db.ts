/** IndexedDB with promises. */

/** The result of a request. */
export function resultOf<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error as DOMException);
  });
}

/** When a transaction has been carried out; rejects when it has been undone. */
export function finished(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error as DOMException);
  });
}

/**
 * Opens a database of version 1.
 *
 * @param make makes its stores where it is new
 */
export async function openDatabaseOf(
  factory: IDBFactory,
  name: string,
  make: (database: IDBDatabase) => void,
): Promise<IDBDatabase> {
  const request = factory.open(name, 1);
  request.onupgradeneeded = () => make(request.result);
  const database = await resultOf(request);
  // Another page may want to upgrade; holding on would block it.
  database.onversionchange = () => database.close();
  return database;
}

/** Whether a failure says that there is no space left. */
export function isQuotaError(error: unknown): boolean {
  return (error as { name?: string } | null)?.name === 'QuotaExceededError';
}
