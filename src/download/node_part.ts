/** An unfinished download as a file beside a small JSON that says where it comes from. */
import type { FileHandle } from 'node:fs/promises';

import { storing } from './errors';
import type { PartFile, PartState } from './store';

type FileSystem = typeof import('node:fs/promises');

/** What `NAME.part.json` holds. */
interface PartRecord extends PartState {
  /** Bytes known to have reached the disk; what the part holds beyond is not trusted. */
  received: number;
}

/** Bytes written between two times of making them durable. */
const DURABLE_EVERY = 16 * 2 ** 20;
const READ_CHUNK = 4 * 2 ** 20;

export class NodePart implements PartFile {
  received = 0;
  state: PartState | undefined;
  private durable = 0;
  private open = true;

  private constructor(
    private readonly fs: FileSystem,
    private readonly whole: string,
    private readonly handle: FileHandle,
  ) {}

  static async open(fs: FileSystem, whole: string): Promise<NodePart> {
    const part = `${whole}.part`;
    const handle = await fs.open(part, 'r+').catch(() => fs.open(part, 'w+'));
    const self = new NodePart(fs, whole, handle);
    const { size } = await handle.stat();
    const record = parseRecord(await fs.readFile(`${part}.json`, 'utf8').catch(() => ''));
    if (record && record.received <= size) {
      const { received, ...state } = record;
      self.state = state;
      self.received = self.durable = received;
    }
    return self;
  }

  restart(state: PartState): Promise<void> {
    return storing(this.whole, async () => {
      await this.handle.truncate(0);
      this.received = 0;
      this.state = state;
      await this.makeDurable();
    });
  }

  append(chunk: Uint8Array): Promise<void> {
    return storing(this.whole, async () => {
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
    const buffer = new Uint8Array(READ_CHUNK);
    let offset = 0;
    while (offset < this.received) {
      const wanted = Math.min(READ_CHUNK, this.received - offset);
      const { bytesRead } = await storing(this.whole, () =>
        this.handle.read(buffer, 0, wanted, offset),
      );
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
      offset += bytesRead;
    }
  }

  commit(): Promise<void> {
    return storing(this.whole, async () => {
      await this.handle.truncate(this.received);
      await this.handle.sync();
      await this.shut();
      await this.fs.rename(`${this.whole}.part`, this.whole);
      await this.fs.rm(`${this.whole}.part.json`, { force: true });
    });
  }

  discard(): Promise<void> {
    return storing(this.whole, async () => {
      await this.handle.truncate(0);
      this.received = this.durable = 0;
      this.state = undefined;
      await this.fs.rm(`${this.whole}.part.json`, { force: true });
    });
  }

  async close(): Promise<void> {
    if (!this.open) return;
    await storing(this.whole, async () => {
      if (this.state && this.received > this.durable) await this.makeDurable();
      await this.shut();
      if (this.received > 0) return;
      await this.fs.rm(`${this.whole}.part`, { force: true });
      await this.fs.rm(`${this.whole}.part.json`, { force: true });
    }).finally(() => this.shut());
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
    const path = `${this.whole}.part.json`;
    await this.fs.writeFile(`${path}.new`, JSON.stringify(record));
    await this.fs.rename(`${path}.new`, path);
    this.durable = this.received;
  }
}

function parseRecord(text: string): PartRecord | undefined {
  try {
    const record = JSON.parse(text) as Partial<PartRecord> | null;
    const sound =
      typeof record?.url === 'string' &&
      Number.isSafeInteger(record.received) &&
      (record.received as number) >= 0 &&
      (record.validator === undefined || typeof record.validator === 'string') &&
      (record.total === undefined || Number.isSafeInteger(record.total));
    return sound ? (record as PartRecord) : undefined;
  } catch {
    return undefined;
  }
}
