/**
 * An unfinished download as a file that carries its writer's token, beside a small JSON that says
 * where the bytes come from. Nobody else opens that file for writing, so what it is renamed to holds
 * exactly what was verified, whatever became of the lock meanwhile.
 */
import type { FileHandle } from 'node:fs/promises';

import { LockLostError, storing } from './errors';
import { type FileSystem, replaceFile } from './node_file_system';
import type { FileLock } from './node_lock';
import type { FileNote, PartFile, PartState } from './store';

/** What the JSON holds. */
export interface PartRecord extends PartState {
  /** Bytes known to have reached the disk; what the part holds beyond is not trusted. */
  received: number;
}

/** Where a part lies, and what it becomes. */
export interface PartPlace {
  fs: FileSystem;
  lock: FileLock;
  /** Path of the whole file. */
  whole: string;
  /** Path of the part; its record is beside it, with `.json` added. */
  path: string;
  /** Called when the whole file is in its place. */
  onCommit(note: FileNote): Promise<void>;
}

/** Bytes written between two times of making them durable. */
const DURABLE_EVERY = 16 * 2 ** 20;
const READ_CHUNK = 4 * 2 ** 20;

export class NodePart implements PartFile {
  received = 0;
  state: PartState | undefined;
  private durable = 0;
  private open = true;

  /** Takes over `handle`, which nobody else writes to, and what `record` vouches for. */
  constructor(
    private readonly place: PartPlace,
    private readonly handle: FileHandle,
    record: PartRecord | undefined,
  ) {
    if (!record) return;
    const { received, ...state } = record;
    this.state = state;
    this.received = this.durable = received;
  }

  private storing<T>(work: () => Promise<T>): Promise<T> {
    return storing(this.place.whole, work);
  }

  restart(state: PartState): Promise<void> {
    return this.storing(async () => {
      await this.handle.truncate(0);
      this.received = 0;
      this.state = state;
      await this.makeDurable();
    });
  }

  append(chunk: Uint8Array): Promise<void> {
    return this.storing(async () => {
      let done = 0;
      while (done < chunk.length) {
        const { bytesWritten } = await this.handle.write(
          chunk,
          done,
          chunk.length - done,
          this.received,
        );
        done += bytesWritten;
        this.received += bytesWritten;
      }
      if (this.received - this.durable >= DURABLE_EVERY) await this.makeDurable();
    });
  }

  async *read(): AsyncGenerator<Uint8Array> {
    yield* readFrom(this.handle, this.received, (work) => this.storing(work));
  }

  /** Bytes first, then the name; the note comes last, and a file without one is verified again. */
  commit(note: FileNote): Promise<void> {
    const { fs, lock, whole, path, onCommit } = this.place;
    return this.storing(async () => {
      await this.handle.truncate(this.received);
      await this.makeDurable();
      await this.shut();
      if (!(await lock.isHeld())) {
        await this.remove();
        throw new LockLostError(whole);
      }
      await fs.rename(path, whole);
      await fs.rm(`${path}.json`, { force: true }).catch(() => undefined);
      await onCommit(note);
    });
  }

  discard(): Promise<void> {
    return this.storing(async () => {
      await this.handle.truncate(0);
      this.received = this.durable = 0;
      this.state = undefined;
      await this.place.fs.rm(`${this.place.path}.json`, { force: true });
    });
  }

  async close(): Promise<void> {
    if (!this.open) return;
    await this.storing(async () => {
      // Whoever took the lock has copied what there was of the part.
      const isKept = this.received > 0 && (await this.place.lock.isHeld());
      if (isKept && this.state && this.received > this.durable) await this.makeDurable();
      await this.shut();
      if (!isKept) await this.remove();
    }).finally(() => this.shut().catch(() => undefined));
  }

  private async remove(): Promise<void> {
    await this.place.fs.rm(this.place.path, { force: true });
    await this.place.fs.rm(`${this.place.path}.json`, { force: true });
  }

  private async shut(): Promise<void> {
    if (!this.open) return;
    this.open = false;
    await this.handle.close();
  }

  /** Bytes first, then the record that vouches for them, the latter in one step. */
  private async makeDurable(): Promise<void> {
    await this.handle.sync();
    const record: PartRecord = { ...(this.state as PartState), received: this.received };
    const path = `${this.place.path}.json`;
    await replaceFile(this.place.fs, path, `${path}.new`, JSON.stringify(record));
    this.durable = this.received;
  }
}

/** The first `length` bytes of an open file, in pieces that are only good until the next. */
export async function* readFrom(
  handle: FileHandle,
  length: number,
  guard: <T>(work: () => Promise<T>) => Promise<T>,
): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(Math.min(READ_CHUNK, length));
  let offset = 0;
  while (offset < length) {
    const wanted = Math.min(buffer.length, length - offset);
    const { bytesRead } = await guard(() => handle.read(buffer, 0, wanted, offset));
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
    offset += bytesRead;
  }
}
