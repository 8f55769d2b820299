/** The unpacked bytes of a zip entry, read by ranges. */

import type { ByteSource } from '../bytes/byte_source';
import { CheckpointError } from '../errors';
import { crc32 } from './crc32';
import { damaged, readSize64, viewOf, type ZipEntry } from './directory';
import { InflateCursor } from './inflate';

const LOCAL_SIGNATURE = 0x04034b50;
const LOCAL_BYTES = 30;
const HAS_DESCRIPTOR = 8;
const IN_ZIP64 = 0xffffffff;

/** Longest piece that {@link ZipEntryReader.read} hands out at once. */
export const PIECE_BYTES = 4 << 20;

/**
 * Reading backwards in a deflated entry means unpacking it from its start again: fine for small
 * ones, but not to be had without end. Counts bytes, for all entries of an archive together.
 */
export class UnpackBudget {
  private bytes = 32 << 20;

  /** Whether so many bytes more may be unpacked again. */
  take(bytes: number): boolean {
    this.bytes -= bytes;
    return this.bytes >= 0;
  }
}

/** Reads one entry of an archive. */
export class ZipEntryReader {
  private dataOffset?: number;
  private cursor?: InflateCursor;
  private isUnpacked = false;
  /** The read in progress: a stream serves one read at a time. */
  private last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly archive: ByteSource,
    readonly entry: ZipEntry,
    private readonly budget = new UnpackBudget(),
  ) {}

  /**
   * Hands the unpacked bytes `[offset, offset + length)` to `take`, in order, in pieces of at most
   * 4 MB. A read of the whole entry is checked against its CRC-32, after its last piece.
   *
   * @throws {CheckpointError} 'corrupt' when the range is outside the entry, the entry does not
   * unpack to the size it claims, or the checksum differs.
   */
  async read(offset: number, length: number, take: (piece: Uint8Array) => void): Promise<void> {
    const { entry } = this;
    if (offset < 0 || length < 0 || !(offset + length <= entry.size)) {
      throw damaged(
        `bytes ${offset} to ${offset + length} of ${entry.name} are needed; it has ${entry.size}`,
      );
    }
    // Zero stands for "not computed" (torch.serialization.set_crc32_options(False)).
    const whole = offset === 0 && length === entry.size && entry.crc !== 0;
    let crc = 0;
    const checked = (piece: Uint8Array): void => {
      crc = crc32(piece, crc);
      take(piece);
    };
    await this.readPieces(offset, length, whole ? checked : take);
    if (whole && crc !== entry.crc) {
      throw damaged(`the checksum of ${entry.name} differs; the file was changed or damaged`);
    }
  }

  /** The whole entry, which must have at most `maxBytes` bytes. */
  async readAll(maxBytes: number): Promise<Uint8Array> {
    const { name, size } = this.entry;
    if (size > maxBytes) {
      throw new CheckpointError(
        'unsupported',
        `Zip entry ${name} has ${size} bytes; at most ${maxBytes} can be read at once`,
      );
    }
    const bytes = new Uint8Array(size);
    let at = 0;
    await this.read(0, size, (piece) => {
      bytes.set(piece, at);
      at += piece.byteLength;
    });
    return bytes;
  }

  /** Lets go of a stream that is still open. */
  async close(): Promise<void> {
    await this.cursor?.close();
    this.cursor = undefined;
  }

  private async readPieces(
    offset: number,
    length: number,
    take: (piece: Uint8Array) => void,
  ): Promise<void> {
    const start = (this.dataOffset ??= await this.findData());
    if (this.entry.method === 'stored') {
      for (let done = 0; done < length;) {
        const count = Math.min(PIECE_BYTES, length - done);
        take(await this.archive.read(start + offset + done, count));
        done += count;
      }
      return;
    }
    const turn = this.last.then(() => this.inflate(start, offset, length, take));
    this.last = turn.catch(() => this.close());
    return turn;
  }

  private async inflate(
    start: number,
    offset: number,
    length: number,
    take: (piece: Uint8Array) => void,
  ): Promise<void> {
    if (this.cursor && this.cursor.position > offset) await this.close();
    this.cursor ??= this.unpackFrom(start);
    await this.cursor.read(offset, length, take);
    if (this.cursor.position === this.entry.size) await this.close();
  }

  private unpackFrom(start: number): InflateCursor {
    const { name, size, packedSize } = this.entry;
    if (this.isUnpacked && !this.budget.take(size)) {
      throw new CheckpointError(
        'unsupported',
        `The tensors on ${name} (deflated, ${size} bytes) are out of order; save the file anew with ` +
          `torch.save, which does not deflate`,
      );
    }
    this.isUnpacked = true;
    return new InflateCursor(
      (at, count) => this.archive.read(start + at, count),
      packedSize,
      size,
      name,
    );
  }

  /** Reads the local header, which must agree with the directory; what follows it is the data. */
  private async findData(): Promise<number> {
    const { entry } = this;
    const fixed = viewOf(await this.archive.read(entry.headerOffset, LOCAL_BYTES));
    if (fixed.getUint32(0, true) !== LOCAL_SIGNATURE) {
      throw damaged(
        `there is no entry at byte ${entry.headerOffset}, where ${entry.name} should be`,
      );
    }
    const nameBytes = fixed.getUint16(26, true);
    const extraBytes = fixed.getUint16(28, true);
    const dataOffset = entry.headerOffset + LOCAL_BYTES + nameBytes + extraBytes;
    if (dataOffset + entry.packedSize > entry.limit) {
      throw damaged(`entry ${entry.name} overlaps what follows it`);
    }
    const rest = await this.archive.read(entry.headerOffset + LOCAL_BYTES, nameBytes + extraBytes);
    const name = new TextDecoder().decode(rest.subarray(0, nameBytes));
    const method = fixed.getUint16(8, true) === 0 ? 'stored' : 'deflated';
    if (name !== entry.name || method !== entry.method) {
      throw damaged(
        `the directory says ${entry.name} (${entry.method}), the entry ${name} (${method})`,
      );
    }
    if (!(fixed.getUint16(6, true) & HAS_DESCRIPTOR)) {
      const [size, packedSize] = localSizes(fixed, viewOf(rest.subarray(nameBytes)));
      if (size !== entry.size || packedSize !== entry.packedSize) {
        throw damaged(`the directory says ${entry.size} bytes for ${name}, the entry ${size}`);
      }
    }
    return dataOffset;
  }
}

/** Unpacked and packed size in a local header, from its zip64 extra field where they are large. */
function localSizes(fixed: DataView, extra: DataView): [size: number, packedSize: number] {
  const packedSize = fixed.getUint32(18, true);
  const size = fixed.getUint32(22, true);
  if (size !== IN_ZIP64 && packedSize !== IN_ZIP64) return [size, packedSize];
  for (let at = 0; at + 20 <= extra.byteLength; at += 4 + extra.getUint16(at + 2, true)) {
    if (extra.getUint16(at, true) === 1) {
      return [readSize64(extra, at + 4), readSize64(extra, at + 12)];
    }
  }
  return [size, packedSize];
}
