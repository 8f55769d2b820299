/** Deflated bytes, unpacked as a stream that is read forwards. */

import { CheckpointError } from '../errors';
import { damaged } from './directory';

/** Where packed bytes come from, a piece at a time. */
export type PackedReader = (offset: number, length: number) => Promise<Uint8Array>;

const PIECE_BYTES = 1 << 18;

/**
 * Reads forwards through one deflated entry. Memory stays at a few pieces whatever the entry's
 * size; a read behind the last one needs a new cursor.
 *
 * Uses the platform's own `DecompressionStream`: no code to ship, and what comes out stops as soon
 * as nobody reads, so a small entry cannot unpack itself into a large memory.
 */
export class InflateCursor {
  /** Unpacked bytes handed out so far. */
  position = 0;
  private readonly reader: ReadableStreamDefaultReader<Uint8Array>;
  private piece: Uint8Array = new Uint8Array(0);
  /** An error of the packed side; the stream would report it as its own. */
  private readError: unknown;

  constructor(
    readPacked: PackedReader,
    packedSize: number,
    private readonly size: number,
    private readonly name: string,
  ) {
    let at = 0;
    const packed = new ReadableStream<BufferSource>({
      pull: async (controller) => {
        try {
          const length = Math.min(PIECE_BYTES, packedSize - at);
          if (length === 0) {
            controller.close();
            return;
          }
          controller.enqueue((await readPacked(at, length)) as Uint8Array<ArrayBuffer>);
          at += length;
        } catch (error) {
          this.readError = error;
          throw error;
        }
      },
    });
    this.reader = packed.pipeThrough(inflateStream()).getReader();
  }

  /**
   * Hands the bytes `[offset, offset + length)` to `take`, piece by piece; `offset` must not lie
   * before {@link position}. Reading up to the end also checks that the entry ends there.
   */
  async read(offset: number, length: number, take: (piece: Uint8Array) => void): Promise<void> {
    await this.advance(offset - this.position, undefined);
    await this.advance(length, take);
    if (this.position === this.size && (this.piece.byteLength > 0 || (await this.pull()))) {
      throw damaged(`entry ${this.name} unpacks to more than the ${this.size} bytes it claims`);
    }
  }

  /** Lets go of the stream. */
  async close(): Promise<void> {
    await this.reader.cancel().catch(() => undefined);
  }

  private async advance(count: number, take?: (piece: Uint8Array) => void): Promise<void> {
    for (let left = count; left > 0;) {
      if (this.piece.byteLength === 0 && !(await this.pull())) {
        throw damaged(`entry ${this.name} unpacks to ${this.position} bytes, not ${this.size}`);
      }
      const part = this.piece.subarray(0, left);
      take?.(part);
      this.piece = this.piece.subarray(part.byteLength);
      this.position += part.byteLength;
      left -= part.byteLength;
    }
  }

  /** Fetches the next piece that is not empty; false at the end. */
  private async pull(): Promise<boolean> {
    do {
      const step = await this.reader.read().catch((error: unknown) => {
        throw this.readError ?? damaged(`entry ${this.name} does not unpack: ${String(error)}`);
      });
      if (step.done) return false;
      this.piece = step.value;
    } while (this.piece.byteLength === 0);
    return true;
  }
}

function inflateStream(): ReadableWritablePair<Uint8Array, BufferSource> {
  try {
    return new DecompressionStream('deflate-raw') as ReadableWritablePair<Uint8Array, BufferSource>;
  } catch (error) {
    throw new CheckpointError(
      'unsupported',
      "Deflated entries need DecompressionStream('deflate-raw'): Node 20.12, Chrome 103, " +
        'Firefox 113 or Safari 16.4; or save the file anew with torch.save, which does not deflate',
      { cause: error },
    );
  }
}
