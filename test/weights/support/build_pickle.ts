/** Pickles made by hand, so that they can say what Python would never write. */
import { OP } from '../../../src/weights/pickle/opcodes';
import { buildZip, type EntryToBuild } from './build_zip';
import { concat } from './mutate';

export type Piece = number | string | Uint8Array | readonly Piece[];

/** Bytes of a pickle: numbers are opcodes or bytes, strings are ASCII. */
export function bytesOf(...pieces: readonly Piece[]): Uint8Array<ArrayBuffer> {
  return concat(
    ...pieces.map((piece) => {
      if (typeof piece === 'number') return Uint8Array.of(piece);
      if (typeof piece === 'string') return new TextEncoder().encode(piece);
      if (piece instanceof Uint8Array) return piece;
      return bytesOf(...(piece as readonly Piece[]));
    }),
  );
}

export function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

/** BINUNICODE. */
export function text(value: string): Piece {
  const utf8 = new TextEncoder().encode(value);
  return [OP.BINUNICODE, uint32(utf8.length), utf8];
}

/** A whole number of any size. */
export function integer(value: number | bigint): Piece {
  const bytes = new Uint8Array(9);
  new DataView(bytes.buffer).setBigInt64(0, BigInt(value), true);
  return [OP.LONG1, 9, bytes];
}

export function tuple(...items: readonly Piece[]): Piece {
  return [OP.MARK, ...items, OP.TUPLE];
}

export function global(module: string, name: string): Piece {
  return [OP.GLOBAL, `${module}\n${name}\n`];
}

export interface TensorToBuild {
  key?: string;
  storage?: string;
  /** Of the storage's class. */
  module?: string;
  length?: number | bigint;
  offset?: number | bigint;
  shape?: readonly (number | bigint)[];
  strides?: readonly (number | bigint)[];
  /** PyTorch's bits, absent as in almost every file. */
  metadata?: Piece;
}

/** `_rebuild_tensor_v2(storage, offset, shape, strides, False, OrderedDict(), metadata)`. */
export function tensor({
  key = '0',
  storage = 'FloatStorage',
  module = 'torch',
  length = 4,
  offset = 0,
  shape = [4],
  strides = [1],
  metadata,
}: TensorToBuild = {}): Piece {
  const id = tuple(
    text('storage'),
    global(module, storage),
    text(key),
    text('cpu'),
    integer(length),
  );
  return [
    global('torch._utils', '_rebuild_tensor_v2'),
    tuple(
      [id, OP.BINPERSID],
      integer(offset),
      tuple(...shape.map(integer)),
      tuple(...strides.map(integer)),
      OP.NEWFALSE,
      [global('collections', 'OrderedDict'), OP.EMPTY_TUPLE, OP.REDUCE],
      ...(metadata === undefined ? [] : [metadata]),
    ),
    OP.REDUCE,
  ];
}

/** `{name: value, ...}`. */
export function dict(items: Readonly<Record<string, Piece>>): Piece {
  const pairs = Object.entries(items).flatMap(([name, value]) => [text(name), value]);
  return [OP.EMPTY_DICT, OP.MARK, ...pairs, OP.SETITEMS];
}

/** A pickle of `value`. */
export function pickleOf(value: Piece): Uint8Array<ArrayBuffer> {
  return bytesOf(OP.PROTO, 2, value, OP.STOP);
}

/** A `.pth` with this pickle and these storages, by key. */
export function buildPth(
  pickle: Uint8Array,
  storages: Readonly<Record<string, Uint8Array>> = { 0: new Uint8Array(16) },
  entry: Partial<EntryToBuild> = {},
): Uint8Array<ArrayBuffer> {
  return buildZip([
    { name: 'archive/data.pkl', data: pickle },
    { name: 'archive/byteorder', data: new TextEncoder().encode('little') },
    ...Object.entries(storages).map(([key, data]) => ({
      name: `archive/data/${key}`,
      data,
      ...entry,
    })),
  ]);
}
