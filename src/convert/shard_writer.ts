/** A stream of weights cut into files of bounded size. */
import type { ByteSink } from '../weights/bytes/sink';

/** Where the files of a converted model go. */
export interface ModelSink<Result> {
  /** Begins a file; the one before is finished. */
  open(fileName: string): Promise<ByteSink<unknown>>;
  /** Every file is written: the model becomes visible. */
  finish(): Promise<Result>;
  /** Gives up and leaves nothing behind. Never throws. */
  abort(): Promise<void>;
}

/** Names of the shards of so many bytes, as `model.save` names them. */
export function shardNames(totalBytes: number, shardBytes: number): string[] {
  const count = Math.max(1, Math.ceil(totalBytes / shardBytes));
  return Array.from({ length: count }, (_, i) => `group1-shard${i + 1}of${count}.bin`);
}

/** Takes bytes in order and spreads them over the shards. */
export class ShardWriter {
  private current: ByteSink<unknown> | undefined;
  private index = 0;
  private inCurrent = 0;

  constructor(
    private readonly sink: ModelSink<unknown>,
    private readonly names: readonly string[],
    private readonly shardBytes: number,
  ) {}

  async write(bytes: Uint8Array): Promise<void> {
    for (let from = 0; from < bytes.length;) {
      if (this.inCurrent === this.shardBytes) await this.close();
      this.current ??= await this.sink.open(this.names[this.index++] as string);
      const piece = bytes.subarray(from, from + this.shardBytes - this.inCurrent);
      await this.current.write(piece);
      from += piece.length;
      this.inCurrent += piece.length;
    }
  }

  async close(): Promise<void> {
    await this.current?.finish();
    this.current = undefined;
    this.inCurrent = 0;
  }

  /** Lets go of an open file after a failure. */
  async abort(): Promise<void> {
    await this.current?.abort();
  }
}
