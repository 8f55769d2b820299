/** An unfinished download in IndexedDB. */
import {
  chunkRange,
  CHUNKS,
  type FileRow,
  FILES,
  finished,
  resultOf,
  storageError,
} from './browser_database';
import { DownloadError } from './errors';
import type { PartFile, PartState } from './store';

/** Bytes gathered before they are stored: what a crash can lose, and the size of one record. */
const CHUNK_BYTES = 8 * 2 ** 20;

/** Fails at once when the browser says that the file cannot fit, not after gigabytes. */
async function checkSpace(fileName: string, bytes: number | undefined): Promise<void> {
  const storage = globalThis.navigator?.storage as StorageManager | undefined;
  const { quota, usage } = (await storage?.estimate?.()) ?? {};
  if (bytes === undefined || quota === undefined || quota - (usage ?? 0) >= bytes) return;
  throw new DownloadError(
    'storage',
    `${fileName} needs ${bytes} bytes; this site has ${quota - (usage ?? 0)} bytes of storage left`,
  );
}

export class BrowserPart implements PartFile {
  private pending: Uint8Array[] = [];
  private pendingBytes = 0;
  private row: FileRow | undefined;

  constructor(
    private readonly database: IDBDatabase,
    private readonly fileName: string,
    row: FileRow | undefined,
  ) {
    this.row = row;
  }

  get received(): number {
    return (this.row?.received ?? 0) + this.pendingBytes;
  }

  get state(): PartState | undefined {
    return this.row?.state;
  }

  async restart(state: PartState): Promise<void> {
    this.dropPending();
    const row = { fileName: this.fileName, state, chunks: 0, received: 0, complete: false };
    await this.write((files, chunks) => {
      chunks.delete(chunkRange(this.fileName));
      files.put(row);
    });
    this.row = row;
    await checkSpace(this.fileName, state.total);
  }

  async append(chunk: Uint8Array): Promise<void> {
    this.pending.push(chunk);
    this.pendingBytes += chunk.length;
    if (this.pendingBytes >= CHUNK_BYTES) await this.flush(false);
  }

  async *read(): AsyncGenerator<Uint8Array> {
    await this.flush(false);
    for (let index = 0; index < (this.row?.chunks ?? 0); index++) {
      const chunks = this.database.transaction(CHUNKS).objectStore(CHUNKS);
      const blob = (await resultOf(chunks.get([this.fileName, index]))) as Blob | undefined;
      if (!blob) return;
      yield new Uint8Array(await blob.arrayBuffer());
    }
  }

  commit(): Promise<void> {
    return this.flush(true);
  }

  async discard(): Promise<void> {
    this.dropPending();
    this.row = undefined;
    await this.write((files, chunks) => {
      chunks.delete(chunkRange(this.fileName));
      files.delete(this.fileName);
    });
  }

  async close(): Promise<void> {
    if (this.row && !this.row.complete && this.pendingBytes > 0) await this.flush(false);
  }

  /** Stores what is pending and the row that vouches for it, in one transaction. */
  private async flush(complete: boolean): Promise<void> {
    const row = this.row;
    if (!row || (this.pendingBytes === 0 && row.complete === complete)) return;
    const next = { ...row, received: this.received, complete };
    const blob = this.pendingBytes > 0 ? new Blob(this.pending as BlobPart[]) : undefined;
    if (blob) next.chunks = row.chunks + 1;
    await this.write((files, chunks) => {
      if (blob) chunks.put(blob, [this.fileName, row.chunks]);
      files.put(next);
    });
    this.dropPending();
    this.row = next;
  }

  private dropPending(): void {
    this.pending = [];
    this.pendingBytes = 0;
  }

  private async write(
    change: (files: IDBObjectStore, chunks: IDBObjectStore) => void,
  ): Promise<void> {
    try {
      const transaction = this.database.transaction([FILES, CHUNKS], 'readwrite');
      change(transaction.objectStore(FILES), transaction.objectStore(CHUNKS));
      await finished(transaction);
    } catch (error) {
      throw storageError(this.fileName, error);
    }
  }
}
