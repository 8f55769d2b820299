/** Writing zip archives of stored entries, one entry in memory at a time. */

import type { ByteSink } from '../bytes/sink';
import { crc32 } from './crc32';

/** Contents begin at multiples of this, as PyTorch wants it for mapping files into memory. */
const ALIGNMENT = 64;

/** What does not fit 32 bits stands in an extra field. */
const LIMIT = 0xffffffff;

/** Length of a local header without name and extra field. */
const LOCAL_BYTES = 30;

/** Field in which PyTorch's own writer pads. */
const PADDING_ID = 0x4246;
const ZIP64_ID = 0x0001;

/** 1980-01-01: entries have no time, so that the same contents give the same bytes. */
const DATE = 0x21;

interface Written {
  name: Uint8Array;
  crc: number;
  size: number;
  offset: number;
}

/** Puts numbers behind each other, little-endian: pairs of value and number of bytes. */
function fields(...list: readonly (readonly [value: number, bytes: 2 | 4 | 8])[]): Uint8Array {
  const bytes = new Uint8Array(list.reduce((sum, [, length]) => sum + length, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [value, length] of list) {
    if (length === 2) view.setUint16(at, value, true);
    else if (length === 4) view.setUint32(at, value, true);
    else view.setBigUint64(at, BigInt(value), true);
    at += length;
  }
  return bytes;
}

/** Writes an archive to a sink, which stays the caller's to finish. */
export class ZipWriter {
  private readonly written: Written[] = [];
  private offset = 0;

  constructor(private readonly sink: ByteSink<unknown>) {}

  private async put(bytes: Uint8Array): Promise<void> {
    await this.sink.write(bytes);
    this.offset += bytes.length;
  }

  /** Adds an entry of less than 4 GB. */
  async add(name: string, data: Uint8Array): Promise<void> {
    const bytes = new TextEncoder().encode(name);
    const entry = { name: bytes, crc: crc32(data), size: data.length, offset: this.offset };
    const start = this.offset + LOCAL_BYTES + bytes.length + 4;
    const padding = (ALIGNMENT - (start % ALIGNMENT)) % ALIGNMENT;
    await this.put(
      fields(
        [0x04034b50, 4],
        [20, 2],
        [0, 2],
        [0, 2],
        [0, 2],
        [DATE, 2],
        [entry.crc, 4],
        [entry.size, 4],
        [entry.size, 4],
        [bytes.length, 2],
        [4 + padding, 2],
      ),
    );
    await this.put(bytes);
    await this.put(fields([PADDING_ID, 2], [padding, 2]));
    if (padding > 0) await this.put(new Uint8Array(padding));
    await this.put(data);
    this.written.push(entry);
  }

  /** Writes the directory. */
  async end(): Promise<void> {
    const start = this.offset;
    for (const { name, crc, size, offset } of this.written) {
      const isFar = offset >= LIMIT;
      await this.put(
        fields(
          [0x02014b50, 4],
          [isFar ? 45 : 20, 2],
          [isFar ? 45 : 20, 2],
          [0, 2],
          [0, 2],
          [0, 2],
          [DATE, 2],
          [crc, 4],
          [size, 4],
          [size, 4],
          [name.length, 2],
          [isFar ? 12 : 0, 2],
          [0, 2],
          [0, 2],
          [0, 2],
          [0, 4],
          [isFar ? LIMIT : offset, 4],
        ),
      );
      await this.put(name);
      if (isFar) await this.put(fields([ZIP64_ID, 2], [8, 2], [offset, 8]));
    }
    const [count, length] = [this.written.length, this.offset - start];
    const isLarge = start >= LIMIT || length >= LIMIT || count >= 0xffff;
    if (isLarge) {
      const at = this.offset;
      await this.put(
        fields(
          [0x06064b50, 4],
          [44, 8],
          [45, 2],
          [45, 2],
          [0, 4],
          [0, 4],
          [count, 8],
          [count, 8],
          [length, 8],
          [start, 8],
        ),
      );
      await this.put(fields([0x07064b50, 4], [0, 4], [at, 8], [1, 4]));
    }
    await this.put(
      fields(
        [0x06054b50, 4],
        [0, 2],
        [0, 2],
        [isLarge ? 0xffff : count, 2],
        [isLarge ? 0xffff : count, 2],
        [isLarge ? LIMIT : length, 4],
        [isLarge ? LIMIT : start, 4],
        [0, 2],
      ),
    );
  }
}
