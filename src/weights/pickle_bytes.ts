/** The bytes of a pickle, read forwards with every length checked before it is used. */

import { CheckpointError } from './errors';

export function badPickle(detail: string): CheckpointError {
  return new CheckpointError('corrupt', `The pickle is damaged: ${detail}`);
}

/** Longest integer kept, in bytes: turning digits into a number is not linear in their count. */
const MAX_INTEGER_BYTES = 1024;

/** Arguments that any JavaScript engine takes in one call. */
const CALL_ARGUMENTS = 8192;

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
    return this.utf8.decode(this.take(length));
  }

  /** One byte per letter. (TextDecoder's `latin1` is windows-1252, which differs.) */
  latin1(length: number): string {
    const bytes = this.take(length);
    const parts: string[] = [];
    for (let at = 0; at < length; at += CALL_ARGUMENTS) {
      parts.push(String.fromCharCode(...bytes.subarray(at, at + CALL_ARGUMENTS)));
    }
    return parts.join('');
  }

  /** UTF-8 up to the next line end, which is consumed. */
  line(): string {
    const text = this.text(this.lineLength());
    this.position++;
    return text;
  }

  /** The same for lines with one byte per letter. */
  latin1Line(): string {
    const text = this.latin1(this.lineLength());
    this.position++;
    return text;
  }

  private lineLength(): number {
    const end = this.bytes.indexOf(0x0a, this.position);
    if (end < 0) throw badPickle('a line has no end');
    return end - this.position;
  }

  /** Two's complement, little-endian. */
  integer(length: number): number | bigint {
    if (length > MAX_INTEGER_BYTES) throw badPickle(`it holds an integer of ${length} bytes`);
    const bytes = this.take(length);
    let hex = '';
    for (const byte of bytes) hex = byte.toString(16).padStart(2, '0') + hex;
    if (hex === '') return 0;
    return narrow(BigInt.asIntN(length * 8, BigInt(`0x${hex}`)));
  }

  /** Decimal digits, as protocol 0 writes integers; a trailing `L` marks long ones. */
  decimal(text: string): number | bigint {
    const digits = text.trim().replace(/L$/, '');
    if (digits.length > MAX_INTEGER_BYTES || !/^[-+]?\d+$/.test(digits)) {
      throw badPickle(`${JSON.stringify(digits.slice(0, 40))} is no integer`);
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

function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
