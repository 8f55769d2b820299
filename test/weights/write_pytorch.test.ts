/** `.pth` files that are written: pickles as Python's machine reads them, archives as zip is defined. */
import { openCheckpoint } from '../../src/weights/open_checkpoint';
import { type PickleHooks, readPickle } from '../../src/weights/pickle/pickle';
import { isOpaque, PickleDict, type PickleValue } from '../../src/weights/pickle/values';
import {
  type PickledValue,
  TensorToPickle,
  TupleToPickle,
  writePickle,
} from '../../src/weights/pickle/writer';
import { TORCH_HOOKS } from '../../src/weights/pytorch/torch_objects';
import { writePyTorch } from '../../src/weights/pytorch/write_pytorch';
import { crc32 } from '../../src/weights/zip/crc32';
import { readZipDirectory, type ZipEntry } from '../../src/weights/zip/directory';
import { ZipEntryReader } from '../../src/weights/zip/entry';
import { ZipWriter } from '../../src/weights/zip/writer';
import { concat } from './support/mutate';

/** Builds nothing, so that what would be called can be looked at. */
const AS_DATA: PickleHooks = { persistent: (id) => ['persistent', id], build: () => undefined };

function there(value: PickledValue, hooks = AS_DATA): PickleValue {
  const pickle = writePickle(value);
  const { value: back, end } = readPickle(pickle, hooks);
  expect(end).toBe(pickle.length);
  return back;
}

const itemsOf = (dict: PickleValue) => (dict instanceof PickleDict ? [...dict.entries()] : dict);

describe('pickles', () => {
  test.each<[PickledValue]>(
    [
      ...[null, true, false, '', 'grün\n', 0, -1, 255, 0.1, -0, NaN, Infinity, -Infinity],
      ...[2 ** 31 - 1, 2 ** 31, -(2 ** 31), -(2 ** 31) - 1, Number.MAX_SAFE_INTEGER, 2 ** 60],
      ...[[], [1, ['a', null]]].map((list) => list as PickledValue),
    ].map((value) => [value]),
  )('%j comes back', (value) => {
    expect(there(value)).toEqual(value);
  });

  test('a record is a dict, a map an OrderedDict, a tuple a tuple', () => {
    expect(itemsOf(there({ a: 1, b: 'x' }))).toEqual([
      ['a', 1],
      ['b', 'x'],
    ]);
    const ordered = there(
      new Map([
        ['z', 1],
        ['a', 2],
      ]),
    );
    expect(ordered).toMatchObject({ module: 'collections', name: 'OrderedDict', args: [] });
    expect(isOpaque(ordered) && [...(ordered.entries?.entries() ?? [])]).toEqual([
      ['z', 1],
      ['a', 2],
    ]);
    expect(there(new TupleToPickle([1, 'x']))).toEqual([1, 'x']);
    // A list and a tuple are one here, not in Python.
    expect(writePickle(new TupleToPickle([]))).not.toEqual(writePickle([]));
  });

  test('a tensor is what PyTorch rebuilds from a storage of its own', () => {
    const tensor = new TensorToPickle('7', 'LongStorage', [2, 3]);
    expect(there(tensor, TORCH_HOOKS)).toEqual({
      ...{ kind: 'tensor', offset: 0, shape: [2, 3], strides: [3, 1], dtype: 'int64' },
      storage: { kind: 'storage', key: '7', dtype: 'int64', length: 6, offset: 0 },
      negated: false,
    });
    const call = there(tensor);
    expect(call).toMatchObject({ module: 'torch._utils', name: '_rebuild_tensor_v2' });
    const [storage, , , , needsGradient, hooks] = (
      isOpaque(call) ? call.args : []
    ) as PickleValue[];
    const type = { kind: 'opaque', module: 'torch', name: 'LongStorage' };
    expect(storage).toEqual(['persistent', ['storage', type, '7', 'cpu', 6]]);
    expect(needsGradient).toBe(false);
    expect(hooks).toMatchObject({ name: 'OrderedDict', args: [] });
  });
});

const zeros = (count: number) => Array<number>(count).fill(0);

/** All numbers of a header, by their widths. */
function fieldsOf(bytes: Uint8Array, at: number, widths: readonly number[]): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  let place = at;
  return widths.map((width) => {
    place += width;
    return width === 2 ? view.getUint16(place - 2, true) : view.getUint32(place - 4, true);
  });
}

const LOCAL = [4, 2, 2, 2, 2, 2, 4, 4, 4, 2, 2];
const CENTRAL = [4, 2, 2, 2, 2, 2, 2, 4, 4, 4, 2, 2, 2, 2, 2, 4, 4];
const END = [4, 2, 2, 2, 2, 4, 4, 2];
/** 1 January 1980. */
const DATE = 0x21;

describe('archives', () => {
  test('every number of every header is what APPNOTE 4.3 says; contents lie at multiples of 64', async () => {
    const tensors = [3, 70].map((size, i) => ({
      ...{ name: `w${i}`, shape: [size] },
      read: async () => Float32Array.from({ length: size }, (_, j) => j + i),
    }));
    const blob = (await writePyTorch(tensors, (state_dict) => ({ state_dict }), undefined)) as Blob;
    const bytes = new Uint8Array(await blob.arrayBuffer());
    const text = (at: number, length: number) =>
      new TextDecoder().decode(bytes.subarray(at, at + length));
    const names: string[] = [];
    const central: number[][] = [];
    let at = 0;
    for (; fieldsOf(bytes, at, [4])[0] === 0x04034b50;) {
      const header = fieldsOf(bytes, at, LOCAL);
      const [crc, size, length, extra] = [header[6], header[8], header[9], header[10]] as [
        ...[number, number, number, number],
      ];
      const data = at + 30 + length + extra;
      expect(data % 64).toBe(0);
      const contents = bytes.subarray(data, data + size);
      expect(crc).toBe(crc32(contents));
      expect(header).toEqual([0x04034b50, 20, 0, 0, 0, DATE, crc, size, size, length, extra]);
      // One extra field, which fills the room: readers go from one to the next.
      expect(fieldsOf(bytes, at + 30 + length, [2, 2])[1]).toBe(extra - 4);
      const same = [0, 0, 0, DATE, crc, size, size, length];
      central.push([0x02014b50, 20, 20, ...same, ...zeros(5), at]);
      names.push(text(at + 30, length));
      at = data + size;
    }
    expect(names).toEqual(
      ['data.pkl', 'byteorder', 'data/0', 'data/1', 'version'].map((name) => `archive/${name}`),
    );
    const start = at;
    central.forEach((expected, i) => {
      expect(fieldsOf(bytes, at, CENTRAL)).toEqual(expected);
      expect(text(at + 46, expected[10] as number)).toBe(names[i]);
      at += 46 + (expected[10] as number);
    });
    const count = names.length;
    const end = [0x06054b50, 0, 0, count, count, at - start, start, 0];
    expect(fieldsOf(bytes, at, END)).toEqual(end);
    expect(at + 22).toBe(bytes.length);
    const checkpoint = await openCheckpoint(bytes);
    expect(await checkpoint.read('w0')).toEqual(Float32Array.of(0, 1, 2));
    await checkpoint.close();
  });

  test('beyond 4 GB', async () => {
    const parts: Uint8Array[] = [];
    const none = async () => undefined;
    const write = async (bytes: Uint8Array) => void parts.push(bytes.slice());
    const writer = new ZipWriter({ write, finish: none, abort: none });
    const start = 2 ** 32 + 64;
    // As if so much had been written before.
    Object.assign(writer, { offset: start });
    for (const i of [0, 1]) await writer.add(`${i}`, Uint8Array.of(i));
    await writer.end();
    const far = concat(...parts);
    // Two entries, their bytes 64 apart; two lines of the directory, each with its offset in an extra field, and three ends.
    const directory = 2 * 64 + 1;
    const length = 2 * (46 + 1 + 12);
    expect(far.length).toBe(directory + length + 56 + 20 + 22);
    const line = fieldsOf(far, directory + length / 2, CENTRAL);
    const sizes = [crc32(Uint8Array.of(1)), 1, 1, 1, 12];
    expect(line).toEqual([0x02014b50, 45, 45, 0, 0, 0, DATE, ...sizes, ...zeros(4), 0xffffffff]);
    const extra = fieldsOf(far, directory + length - 12, [2, 2, 4, 4]);
    expect(extra).toEqual([1, 8, 64 + 65, 1]);
    const at = directory + length;
    expect(fieldsOf(far, at, [4, 4, 4, 2, 2, ...Array<number>(10).fill(4)])).toEqual([
      0x06064b50,
      44,
      0,
      45,
      45,
      0,
      0,
      2,
      0,
      2,
      0,
      length,
      0,
      64 + directory,
      1,
    ]);
    expect(fieldsOf(far, at + 56, [4, 4, 4, 4, 4])).toEqual([0x07064b50, 0, 64 + at, 1, 1]);
    const end = [0x06054b50, 0, 0, 0xffff, 0xffff, 0xffffffff, 0xffffffff, 0];
    expect(fieldsOf(far, at + 76, END)).toEqual(end);
    const source = {
      size: start + far.length,
      read: async (offset: number, length: number) =>
        offset < start
          ? concat(new Uint8Array(start - offset), far).subarray(0, length)
          : far.subarray(offset - start, offset - start + length),
    };
    const entries = await readZipDirectory(source);
    expect([...entries.values()].map(({ headerOffset }) => headerOffset)).toEqual([
      start,
      start + 65,
    ]);
    const last = new ZipEntryReader(source, entries.get('1') as ZipEntry);
    expect([...(await last.readAll(1))]).toEqual([1]);
  });
});
