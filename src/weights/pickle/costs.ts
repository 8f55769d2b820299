/** What the instructions of a pickle cost in memory, so that a small file cannot claim a large one. */

import { OP } from './opcodes';

/**
 * Memory that the values of one pickle may take, in bytes, by the estimates of {@link costOf}. Room for
 * hundreds of thousands of numbers, records or NumPy scalars, as logs of training hold them.
 */
export const MAX_MEMORY = 160 << 20;

/** Nothing is free, or a file could go on for ever without making anything. */
const LEAST = 8;
/** A place on the stack, which is copied as it grows. */
const PLACE = 24;
const NUMBER = 32;
const TEXT = 48;
const BYTES = 160;
const REMEMBERED = 24;
const EMPTY = 72;
const TUPLE = 72;
const OBJECT = 72;
/** An array, with the room that it takes for its first items. */
const FILLED_LIST = 240;
/** A map, with that of its first items. */
const FILLED_DICT = 272;

type Opcode = (typeof OP)[keyof typeof OP];

const GROUPS: readonly [cost: number, opcodes: readonly Opcode[]][] = [
  [PLACE, [OP.NONE, OP.NEWTRUE, OP.NEWFALSE, OP.DUP, OP.GET, OP.BINGET, OP.LONG_BINGET]],
  [NUMBER, [OP.BININT, OP.BININT1, OP.BININT2, OP.FLOAT, OP.BINFLOAT]],
  [TEXT, [OP.INT, OP.LONG, OP.LONG1, OP.LONG4]],
  [TEXT, [OP.STRING, OP.BINSTRING, OP.SHORT_BINSTRING, OP.UNICODE]],
  [TEXT, [OP.BINUNICODE, OP.SHORT_BINUNICODE, OP.BINUNICODE8]],
  [BYTES, [OP.BINBYTES, OP.SHORT_BINBYTES, OP.BINBYTES8, OP.BYTEARRAY8]],
  [REMEMBERED, [OP.PUT, OP.BINPUT, OP.LONG_BINPUT, OP.MEMOIZE]],
  [EMPTY, [OP.EMPTY_LIST, OP.EMPTY_TUPLE, OP.EMPTY_DICT]],
  [TUPLE, [OP.TUPLE1, OP.TUPLE2, OP.TUPLE3]],
  [EMPTY + OBJECT, [OP.EMPTY_SET, OP.FROZENSET]],
  [FILLED_LIST, [OP.MARK, OP.APPEND]],
  [FILLED_DICT, [OP.SETITEM]],
  // What was on the stack since the mark, and was paid for there, is let go.
  [FILLED_DICT - FILLED_LIST, [OP.DICT, OP.SETITEMS]],
  [OBJECT, [OP.REDUCE, OP.NEWOBJ, OP.OBJ, OP.EXT1, OP.EXT2, OP.EXT4]],
  [OBJECT, [OP.PERSID, OP.BINPERSID]],
  [OBJECT + 2 * TEXT, [OP.GLOBAL, OP.STACK_GLOBAL, OP.NEWOBJ_EX, OP.INST]],
];

const COSTS = new Uint16Array(256).fill(LEAST);
for (const [cost, opcodes] of GROUPS) for (const opcode of opcodes) COSTS[opcode] = cost;

/** Bytes that an instruction takes at most, beside those of a text or number that it holds itself. */
export function costOf(opcode: number): number {
  return COSTS[opcode] as number;
}
