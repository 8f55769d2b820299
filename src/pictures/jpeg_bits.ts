/**
 * Huffman-coded data of JPEG files, bit by bit: enough to tell blocks apart and to copy them, without
 * decoding a coefficient.
 *
 * ITU-T T.81, annexes C and F: https://www.w3.org/Graphics/JPEG/itu-t81.pdf
 */

/** A table as its segment has it: how many codes there are of 1 to 16 bits, then their symbols. */
export interface HuffmanCodes {
  readonly counts: Uint8Array;
  readonly symbols: Uint8Array;
}

/** By the next 16 bits of the data: length of the code in the upper byte, its symbol in the lower. */
export type HuffmanTable = Uint16Array;

/**
 * Reads the tables of one DHT segment.
 *
 * @returns codes by the byte that names the table: the class (0 DC, 1 AC) in its upper half, the number below
 * @throws {Error} when the segment is cut short
 */
export function readHuffmanCodes(content: Uint8Array): Map<number, HuffmanCodes> {
  const tables = new Map<number, HuffmanCodes>();
  for (let at = 0; at < content.length;) {
    const counts = content.subarray(at + 1, at + 17);
    const start = at + 17;
    const end = counts.reduce((sum, count) => sum + count, start);
    if (end > content.length) throw new Error('damaged: a Huffman table is cut short');
    tables.set(content[at] as number, { counts, symbols: content.subarray(start, end) });
    at = end;
  }
  return tables;
}

/** @throws {Error} when there are more codes of a length than bits allow */
export function huffmanTable({ counts, symbols }: HuffmanCodes): HuffmanTable {
  const table = new Uint16Array(2 ** 16);
  let first = 0;
  let next = 0;
  for (const [index, count] of counts.entries()) {
    const width = 2 ** (15 - index);
    for (const symbol of symbols.subarray(next, next + count)) {
      if (first + width > table.length)
        throw new Error('damaged: a Huffman table of too many codes');
      table.fill(((index + 1) << 8) | symbol, first, first + width);
      first += width;
    }
    next += count;
  }
  return table;
}

/** Data between two restarts, without stuffed bytes. */
export class BitReader {
  /** Bits read. */
  position = 0;
  private readonly bytes: Uint8Array;
  private readonly length: number;

  constructor(stuffed: Uint8Array) {
    // Room for a look ahead at the end.
    this.bytes = new Uint8Array(stuffed.length + 3);
    let length = 0;
    for (let i = 0; i < stuffed.length; i++) {
      const byte = stuffed[i] as number;
      this.bytes[length++] = byte;
      if (byte === 0xff) i++;
    }
    this.length = 8 * length;
  }

  /** The 16 bits from a position on. */
  peek(position: number): number {
    const at = position >> 3;
    const [a, b, c] = [this.bytes[at], this.bytes[at + 1], this.bytes[at + 2]] as [
      number,
      number,
      number,
    ];
    return (((a << 16) | (b << 8) | c) >> (8 - (position & 7))) & 0xffff;
  }

  /** @throws {Error} when no code begins so, or the data end */
  symbol(table: HuffmanTable): number {
    const entry = table[this.peek(this.position)] as number;
    if (entry === 0) throw new Error('damaged: the data hold a code that its tables lack');
    this.skip(entry >> 8);
    return entry & 255;
  }

  /** @throws {Error} when there are not so many bits */
  skip(count: number): void {
    this.position += count;
    if (this.position > this.length) throw new Error('damaged: the data of a scan end too early');
  }
}

/** Writes data with stuffed bytes. */
export class BitWriter {
  private readonly bytes: Uint8Array;
  private length = 0;
  private pending = 0;
  private count = 0;

  /** @param capacity most bytes that are written, without stuffed ones */
  constructor(capacity: number) {
    this.bytes = new Uint8Array(2 * capacity);
  }

  /** Copies the bits from `start` to where the reader stands. */
  copy(reader: BitReader, start: number): void {
    for (let at = start; at < reader.position; at += 16) {
      const count = Math.min(16, reader.position - at);
      this.put(reader.peek(at) >> (16 - count), count);
    }
  }

  /** Fills the last byte with ones. */
  align(): void {
    if (this.count > 0) this.put(2 ** (8 - this.count) - 1, 8 - this.count);
  }

  /** Writes a restart, after `align`. */
  restart(index: number): void {
    this.bytes[this.length++] = 0xff;
    this.bytes[this.length++] = 0xd0 + (index % 8);
  }

  written(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }

  private put(value: number, count: number): void {
    this.pending = (this.pending << count) | value;
    this.count += count;
    while (this.count >= 8) {
      this.count -= 8;
      const byte = (this.pending >> this.count) & 255;
      this.bytes[this.length++] = byte;
      if (byte === 0xff) this.bytes[this.length++] = 0;
    }
    this.pending &= 2 ** this.count - 1;
  }
}
