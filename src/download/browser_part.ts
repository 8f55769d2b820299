/** An unfinished download in IndexedDB. */
import { resultOf } from '../common/indexed_db';
import {
  change,
  CHUNKS,
  chunksOf,
  type FileRow,
  partKey,
  randomId,
  removeRow,
} from './browser_database';
import { DownloadError, LockLostError } from './errors';
import type { FileNote, PartFile, PartState } from './store';

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

/**
 * The part has a row and chunks of its own until it is whole; then one transaction puts it in the
 * place of whatever was there. Every write first sees to it that the row is still the one that this
 * part wrote last: where pages have no locks, another may have taken it over.
 */
export class BrowserPart implements PartFile {
  private pending: Uint8Array[] = [];
  private pendingBytes = 0;
  private committed = false;

  /** @param row of the unfinished file, if there is one; from then on it is this part's */
  constructor(
    private readonly database: IDBDatabase,
    private readonly fileName: string,
    private row: FileRow | undefined,
  ) {}

  get received(): number {
    return (this.row?.received ?? 0) + this.pendingBytes;
  }

  get state(): PartState | undefined {
    return this.row?.state;
  }

  async restart(state: PartState): Promise<void> {
    this.dropPending();
    const next: FileRow = {
      fileName: partKey(this.fileName),
      chunksOf: `${this.fileName}\n${randomId()}`,
      state,
      chunks: 0,
      received: 0,
      complete: false,
      revision: randomId(),
    };
    await this.write((files, chunks) => {
      if (this.row) removeRow(files, chunks, this.row);
      files.put(next);
    });
    this.row = next;
    await checkSpace(this.fileName, state.total);
  }

  async append(chunk: Uint8Array): Promise<void> {
    this.pending.push(chunk);
    this.pendingBytes += chunk.length;
    if (this.pendingBytes >= CHUNK_BYTES) await this.flush();
  }

  async *read(): AsyncGenerator<Uint8Array> {
    await this.flush();
    if (this.row) yield* readChunks(this.database, this.row);
  }

  async commit(note: FileNote): Promise<void> {
    await this.flush();
    const { row } = this;
    if (!row) return;
    await this.write(async (files, chunks) => {
      const before = (await resultOf(files.get(this.fileName))) as FileRow | undefined;
      if (before && chunksOf(before) !== chunksOf(row)) removeRow(files, chunks, before);
      files.delete(row.fileName);
      files.put({
        fileName: this.fileName,
        chunksOf: chunksOf(row),
        note,
        chunks: row.chunks,
        received: row.received,
        complete: true,
        revision: randomId(),
      } satisfies FileRow);
    });
    this.committed = true;
  }

  async discard(): Promise<void> {
    this.dropPending();
    const { row } = this;
    if (!row) return;
    await this.write((files, chunks) => removeRow(files, chunks, row));
    this.row = undefined;
  }

  async close(): Promise<void> {
    if (this.row && !this.committed && this.pendingBytes > 0) await this.flush();
  }

  /** Stores what is pending and the row that vouches for it, in one transaction. */
  private async flush(): Promise<void> {
    const { row } = this;
    if (!row || this.pendingBytes === 0) return;
    const blob = new Blob(this.pending as BlobPart[]);
    const next = {
      ...row,
      received: this.received,
      chunks: row.chunks + 1,
      revision: randomId(),
    };
    await this.write((files, chunks) => {
      chunks.put(blob, [chunksOf(row), row.chunks]);
      files.put(next);
    });
    this.dropPending();
    this.row = next;
  }

  private dropPending(): void {
    this.pending = [];
    this.pendingBytes = 0;
  }

  private write(
    work: (files: IDBObjectStore, chunks: IDBObjectStore) => void | Promise<void>,
  ): Promise<void> {
    const key = this.row?.fileName ?? partKey(this.fileName);
    return change(this.database, this.fileName, async (files, chunks) => {
      const stored = (await resultOf(files.get(key))) as FileRow | undefined;
      const isOurs = stored?.revision === this.row?.revision && !stored === !this.row;
      if (!isOurs || stored?.complete === true) throw new LockLostError(this.fileName);
      await work(files, chunks);
    });
  }
}

/** The bytes of a row, a stored piece at a time. */
export async function* readChunks(database: IDBDatabase, row: FileRow): AsyncGenerator<Uint8Array> {
  for (let index = 0; index < row.chunks; index++) {
    const chunks = database.transaction(CHUNKS).objectStore(CHUNKS);
    const blob = (await resultOf(chunks.get([chunksOf(row), index]))) as Blob | undefined;
    if (!blob) return;
    yield new Uint8Array(await blob.arrayBuffer());
  }
}
