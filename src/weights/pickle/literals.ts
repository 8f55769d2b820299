/** The pickle instructions that push a constant. */

import { badPickle, type PickleBytes } from './bytes';
import { unescape } from './escapes';
import { OP } from './opcodes';
import type { PickleValue } from './values';

/** By opcode: what reads the constant. Lengths are checked by {@link PickleBytes}. */
export const LITERALS: ReadonlyMap<number, (bytes: PickleBytes) => PickleValue> = new Map<
  number,
  (bytes: PickleBytes) => PickleValue
>([
  [OP.NONE, () => null],
  [OP.NEWTRUE, () => true],
  [OP.NEWFALSE, () => false],
  [OP.BININT, (b) => b.int32()],
  [OP.BININT1, (b) => b.uint8()],
  [OP.BININT2, (b) => b.uint16()],
  [OP.LONG1, (b) => b.integer(b.uint8())],
  [OP.LONG4, (b) => b.integer(b.int32())],
  [OP.INT, textInteger],
  [OP.LONG, (b) => b.decimal(b.line())],
  [OP.FLOAT, (b) => textFloat(b.line())],
  [OP.BINFLOAT, (b) => b.float64()],
  [OP.STRING, (b) => quoted(b.lineBytes())],
  [OP.BINSTRING, (b) => b.latin1(b.int32())],
  [OP.SHORT_BINSTRING, (b) => b.latin1(b.uint8())],
  [OP.UNICODE, (b) => unescape(b.lineBytes(), 'unicode')],
  [OP.SHORT_BINUNICODE, (b) => b.text(b.uint8())],
  [OP.BINUNICODE, (b) => b.text(b.uint32())],
  [OP.BINUNICODE8, (b) => b.text(b.length64())],
  [OP.SHORT_BINBYTES, (b) => b.take(b.uint8())],
  [OP.BINBYTES, (b) => b.take(b.uint32())],
  [OP.BINBYTES8, (b) => b.take(b.length64())],
  [OP.BYTEARRAY8, (b) => b.take(b.length64())],
]);

/** Protocol 0 has no other way to write a boolean. */
function textInteger(bytes: PickleBytes): PickleValue {
  const line = bytes.line();
  if (line === '00' || line === '01') return line === '01';
  return bytes.decimal(line);
}

function textFloat(line: string): number {
  const named = { nan: NaN, inf: Infinity, '-inf': -Infinity }[line];
  if (named !== undefined) return named;
  if (!/^[-+]?[\d.]+(e[-+]?\d+)?$/i.test(line)) throw badPickle('a number is not one');
  return Number(line);
}

const SINGLE_QUOTE = 0x27;
const DOUBLE_QUOTE = 0x22;

/** A Python string literal in single or double quotes. */
function quoted(line: Uint8Array): string {
  const quote = line[0];
  const ends = line.length >= 2 && line.at(-1) === quote;
  if (!ends || (quote !== SINGLE_QUOTE && quote !== DOUBLE_QUOTE)) {
    throw badPickle('a string has no quotes');
  }
  return unescape(line.subarray(1, -1), 'string');
}
