/** The bytes of a pickle, read forwards with every length checked before it is used. */

import { CheckpointError } from '../errors';
import { letters } from './escapes';

export function badPickle(detail: string): CheckpointError {
  return new CheckpointError('corrupt', `The pickle is damaged: ${detail}`);
}

/** Longest integer kept, in bytes: turning digits into a number is not linear in their count. */
const MAX_INTEGER_BYTES = 256;

/** Longest string that is not given to a decoder, in bytes. */
const SHORT_TEXT = 48;

export class PickleBytes {
  private readonly view: DataView;
  private readonly utf8 = new TextDecoder();

  constructor(
    private readonly bytes: Uint8Array,
    public position: number,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  uint8(): number {
    return this.view.getUint8(this.skip(1));
  }

  uint16(): number {
    return this.view.getUint16(this.skip(2), true);
  }

  uint32(): number {
    return this.view.getUint32(this.skip(4), true);
  }

  int32(): number {
    return this.view.getInt32(this.skip(4), true);
  }

  /** A 64-bit length: whatever exceeds 2^53 also exceeds the file, and is refused by `skip`. */
  length64(): number {
    return Number(this.view.getBigUint64(this.skip(8), true));
  }

  /** The one big-endian number of the format. */
  float64(): number {
    return this.view.getFloat64(this.skip(8), false);
  }

  /** A window on the pickle, not a copy. */
  take(length: number): Uint8Array {
    const start = this.skip(length);
    return this.bytes.subarray(start, start + length);
  }

  text(length: number): string {
    const bytes = this.take(length);
    // A call of the decoder costs more than the few letters that most strings have.
    return isShortAscii(bytes) ? letters(bytes) : this.utf8.decode(bytes);
  }

  /** One byte per letter. (TextDecoder's `latin1` is windows-1252, which differs.) */
  latin1(length: number): string {
    return letters(this.take(length));
  }

  /** UTF-8 up to the next line end, which is consumed. */
  line(): string {
    const text = this.text(this.lineLength());
    this.position++;
    return text;
  }

  /** The bytes up to the next line end, which is consumed. */
  lineBytes(): Uint8Array {
    const bytes = this.take(this.lineLength());
    this.position++;
    return bytes;
  }

  private lineLength(): number {
    const end = this.bytes.indexOf(0x0a, this.position);
    if (end < 0) throw badPickle('a line has no end');
    return end - this.position;
  }

  /** Two's complement, little-endian. */
  integer(length: number): number | bigint {
    if (length > MAX_INTEGER_BYTES) throw badPickle(`it holds an integer of ${length} bytes`);
    const start = this.skip(length);
    let value = 0n;
    let at = length;
    // From its high end: single bytes, then words of eight.
    for (; at % 8 !== 0; at--) value = (value << 8n) | BigInt(this.view.getUint8(start + at - 1));
    for (; at > 0; at -= 8) value = (value << 64n) | this.view.getBigUint64(start + at - 8, true);
    return narrow(BigInt.asIntN(length * 8, value));
  }

  /** Decimal digits, as protocol 0 writes integers; a trailing `L` marks long ones. */
  decimal(text: string): number | bigint {
    const digits = text.trim().replace(/L$/, '');
    if (digits.length > MAX_INTEGER_BYTES || !/^[-+]?\d+$/.test(digits)) {
      throw badPickle(`${JSON.stringify(digits.slice(0, 40))} is not an integer`);
    }
    return narrow(BigInt(digits.replace(/^\+/, '')));
  }

  /** Moves on by `length` bytes and returns where it was; throws at the end. */
  skip(length: number): number {
    const start = this.position;
    if (!(length >= 0 && start + length <= this.bytes.byteLength)) {
      throw badPickle(`it needs ${length} bytes at ${start} and has ${this.bytes.byteLength}`);
    }
    this.position = start + length;
    return start;
  }
}

function isShortAscii(bytes: Uint8Array): boolean {
  if (bytes.length > SHORT_TEXT) return false;
  for (const byte of bytes) if (byte >= 0x80) return false;
  return true;
}

function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
