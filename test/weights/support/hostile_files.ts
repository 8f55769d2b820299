/** Files made to use up time and memory. */
import { MAX_MEMORY } from '../../../src/weights/pickle/costs';
import { OP } from '../../../src/weights/pickle/opcodes';
import { MAX_PICKLE_BYTES } from '../../../src/weights/pytorch/torch_file';
import {
  buildPth,
  bytesOf,
  dict,
  global,
  integer,
  pickleOf,
  tensor,
  type TensorToBuild,
  text,
  uint32,
} from './build_pickle';
import { buildZip } from './build_zip';
import { concat } from './mutate';

/** Copies of `unit`, as many as fit into a pickle unless told otherwise. */
function repeat(unit: Uint8Array, count = MAX_PICKLE_BYTES / unit.length): Uint8Array {
  const all = new Uint8Array(unit.length * Math.floor(count));
  for (let at = 0; at < all.length; at += unit.length) all.set(unit, at);
  return all;
}

const pth = (body: Uint8Array): Uint8Array =>
  buildPth(bytesOf(OP.PROTO, 2, body.subarray(0, MAX_PICKLE_BYTES - 3), OP.STOP));

function safetensors(header: string): Uint8Array {
  const json = new TextEncoder().encode(header);
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(json.length), true);
  return concat(length, json);
}

const NONE = OP.NONE;

/** Depth of nested dicts that almost takes all the memory that there is. */
const NESTED = MAX_MEMORY / 400;

/** A storage of zeros, and tensors of four bytes from its end to its beginning. */
function deflatedBackwards(size: number): Uint8Array {
  const tensors = Array.from({ length: 1000 }, (_, i) => [
    text(`t${i}`),
    tensor({ storage: 'ByteStorage', length: size, offset: size - 4 * (i + 1) }),
    OP.SETITEM,
  ]);
  return buildZip([
    { name: 'a/data.pkl', data: bytesOf(OP.PROTO, 2, OP.EMPTY_DICT, tensors, OP.STOP) },
    { name: 'a/data/0', data: new Uint8Array(size), deflate: true },
  ]);
}

/** Many deflated storages, each read backwards many times. */
function manyBackwards(entries: number, tensors: number, size: number): Uint8Array {
  const names = Array.from({ length: entries }, (_, entry) =>
    Array.from({ length: tensors }, (__, i) => [
      text(`t${entry}.${i}`),
      tensor({ key: `${entry}`, storage: 'ByteStorage', length: size, offset: size - 4 * (i + 1) }),
      OP.SETITEM,
    ]),
  );
  const data = new Uint8Array(size);
  return buildZip([
    { name: 'a/data.pkl', data: bytesOf(OP.PROTO, 2, OP.EMPTY_DICT, names, OP.STOP) },
    ...names.map((_, entry) => ({ name: `a/data/${entry}`, data, deflate: true })),
  ]);
}

/** Empty entries with names of at least so many letters. */
function manyEntries(count: number, letters: number): Uint8Array {
  return buildZip(
    Array.from({ length: count }, (_, i) => ({
      name: String(i).padStart(letters, '0'),
      data: new Uint8Array(0),
    })),
  );
}

/** The five pickles before the storages of the legacy form, the fourth being `value`. */
function legacy(value: Uint8Array): Uint8Array {
  const magic = Uint8Array.of(0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19);
  const machine = dict({ little_endian: OP.NEWTRUE });
  return concat(
    pickleOf([OP.LONG1, 10, magic]),
    pickleOf(integer(1001)),
    pickleOf(machine),
    value,
    pickleOf(OP.EMPTY_LIST),
  );
}

/** Fifty names for each of sixteen dicts, each of which holds the one before under all of them. */
function laughs(): Uint8Array {
  const dicts = Array.from({ length: 16 }, (_, level) => [
    OP.EMPTY_DICT,
    Array.from({ length: 50 }, (_, i) => [
      text(`${i}`),
      level ? [OP.BINGET, level - 1] : OP.NONE,
      OP.SETITEM,
    ]),
    OP.BINPUT,
    level,
  ]);
  return buildPth(bytesOf(OP.PROTO, 2, dicts, OP.STOP));
}

function emptyTensors(count: number): Uint8Array {
  const entry = '{"dtype":"F32","shape":[0],"data_offsets":[0,0]}';
  return safetensors(`{${Array.from({ length: count }, (_, i) => `"${i}":${entry}`).join()}}`);
}

/** One tensor, under many names. */
function manyNames(count: number, fields?: TensorToBuild): Uint8Array {
  // In groups: a call takes only so many arguments.
  const names = Array.from({ length: count / 256 }, (_, group) =>
    Array.from({ length: 256 }, (__, i) => [text(`t${256 * group + i}`), OP.BINGET, 0, OP.SETITEM]),
  );
  const first = [tensor(fields), OP.BINPUT, 0, OP.POP];
  return buildPth(bytesOf(OP.PROTO, 2, first, OP.EMPTY_DICT, names, OP.STOP));
}

/** Each makes its file when its turn comes. */
export const HOSTILE_FILES: Readonly<Record<string, () => Uint8Array>> = {
  'dicts of one': () => pth(repeat(bytesOf(OP.EMPTY_DICT, NONE, NONE, OP.SETITEM))),
  'lists of one': () => pth(repeat(bytesOf(OP.EMPTY_LIST, NONE, OP.APPEND))),
  'open marks': () => pth(repeat(bytesOf(OP.MARK, NONE))),
  'nested tuples': () => pth(concat(bytesOf(NONE), repeat(bytesOf(OP.TUPLE1)))),
  'nested dicts': () =>
    pth(
      concat(
        repeat(bytesOf(OP.EMPTY_DICT, text('n')), NESTED),
        bytesOf(NONE),
        repeat(bytesOf(OP.SETITEM), NESTED),
      ),
    ),
  'dicts in dicts, each many times': laughs,
  'a dict in itself': () =>
    buildPth(
      bytesOf(OP.PROTO, 2, OP.EMPTY_DICT, OP.MEMOIZE, text('a'), OP.BINGET, 0, OP.SETITEM, OP.STOP),
    ),
  'numbers taken and dropped': () => pth(repeat(bytesOf(OP.BININT1, 1, OP.POP))),
  numbers: () => pth(repeat(bytesOf(OP.BINFLOAT, new Uint8Array(8).fill(63)))),
  nothings: () => pth(repeat(bytesOf(NONE))),
  'nothings, remembered': () => pth(bytesOf(NONE, repeat(bytesOf(OP.MEMOIZE)))),
  'dicts of three': () =>
    pth(
      repeat(
        bytesOf(
          OP.EMPTY_DICT,
          OP.MARK,
          [1, 2, 3].map((n) => [OP.BININT1, n, NONE]),
          OP.SETITEMS,
        ),
      ),
    ),
  globals: () => pth(repeat(bytesOf(global('aa', 'bb')))),
  'long globals': () => pth(repeat(bytesOf(global('a'.repeat(2000), 'b'.repeat(2000))))),
  calls: () => pth(repeat(bytesOf(global('aa', 'bb'), OP.EMPTY_TUPLE, OP.REDUCE))),
  'sets in the memo': () => pth(repeat(bytesOf(OP.EMPTY_SET, OP.MEMOIZE))),
  'far places of the memo': () =>
    pth(
      concat(
        ...Array.from({ length: 65536 }, (_, i) =>
          bytesOf(OP.EMPTY_LIST, OP.LONG_BINPUT, uint32((i * 65521) >>> 0)),
        ),
      ),
    ),
  'short texts': () => pth(repeat(bytesOf(text('ab☃')))),
  'one long text': () => pth(bytesOf(OP.BINSTRING, uint32(25e6), new Uint8Array(25e6))),
  'a text of escapes': () =>
    pth(bytesOf(OP.UNICODE, repeat(bytesOf('\\u0041'), 4e6), '\n', OP.STOP)),
  'long integers': () => pth(repeat(bytesOf(OP.LONG1, 24, new Uint8Array(24).fill(9)))),
  'integers of 256 bytes': () =>
    pth(repeat(bytesOf(OP.LONG4, uint32(256), new Uint8Array(256).fill(9)))),
  'integers of 256 digits': () => pth(repeat(bytesOf(OP.LONG, '7'.repeat(256), '\n'))),
  'short byte strings': () => pth(repeat(bytesOf(OP.SHORT_BINBYTES, 10, new Uint8Array(10)))),
  tensors: () => pth(repeat(bytesOf(tensor()))),
  'a tensor under many names': () => manyNames(2 ** 14),
  'a tensor under too many names': () => manyNames(2 ** 15),
  'a tensor of repeats under many names': () =>
    manyNames(2 ** 14, { shape: [2 ** 12, 2 ** 12], strides: [0, 0] }),
  'a tensor of a million repeats': () =>
    buildPth(pickleOf(dict({ w: tensor({ shape: [2 ** 12, 2 ** 12], strides: [0, 0] }) }))),
  'far steps through a storage': () =>
    buildPth(
      pickleOf(dict({ w: tensor({ length: 4e6, shape: [1000, 2000], strides: [1, 1999] }) })),
      { 0: new Uint8Array(16e6) },
    ),
  'a legacy file of lists': () => legacy(concat(repeat(bytesOf(OP.EMPTY_LIST)))),
  'a zip of sixty thousand entries': () => manyEntries(60_000, 0),
  'a zip of sixty thousand long names': () => manyEntries(60_000, 60),
  'a deflated storage of 250 MB': () => deflatedBackwards(250e6),
  'a deflated storage of 30 MB, read backwards': () => deflatedBackwards(30e6),
  'a deflated storage of 2 MB, read backwards': () => deflatedBackwards(2e6),
  'deflated storages of 0.3 MB, read backwards': () => manyBackwards(100, 50, 3e5),
  'a JSON of brackets': () => safetensors(`{"a":${'['.repeat(5e5)}`),
  'a JSON of lists': () => safetensors(`{"a":[${'[],'.repeat(2.5e5)}1]}`),
  'a JSON of numbers': () => safetensors(`{"a":[${'1,'.repeat(5e5)}1]}`),
  'a JSON of one text': () => safetensors(`{"a":"${'x'.repeat(8e6)}"}`),
  'a JSON of too many lists': () => safetensors(`{"a":[${'[],'.repeat(2.5e6)}1]}`),
  'a JSON of empty tensors': () => emptyTensors(2 ** 14),
  'a JSON of too many empty tensors': () => emptyTensors(2 ** 15),
};
