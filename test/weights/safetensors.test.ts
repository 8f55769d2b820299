/** The safetensors format: all element types, and headers that lie. */
import { openCheckpoint } from '../../src/weights/open_checkpoint';
import { writeSafetensors } from '../../src/weights/safetensors/writer';
import { concat } from './support/mutate';

/** A file with this header (JSON text, or what becomes it) and this many bytes of data. */
function fileOf(header: unknown, data: Uint8Array | number, headerBytes?: bigint): Uint8Array {
  const json = typeof header === 'string' ? header : JSON.stringify(header);
  const text = new TextEncoder().encode(json);
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, headerBytes ?? BigInt(text.length), true);
  return concat(length, text, typeof data === 'number' ? new Uint8Array(data) : data);
}

const F32 = (shape: number[], from: number, to: number) => ({
  dtype: 'F32',
  shape,
  data_offsets: [from, to],
});

const bytesOf = (array: ArrayBufferView<ArrayBuffer>): Uint8Array => new Uint8Array(array.buffer);

describe('safetensors', () => {
  test.each([
    ['F64', bytesOf(Float64Array.of(1.5, -0.1, 1e300)), [1.5, Math.fround(-0.1), Infinity]],
    ['F32', bytesOf(Float32Array.of(1.5, -0, NaN)), [1.5, -0, NaN]],
    ['F16', bytesOf(Uint16Array.of(0x3e00, 0x8001, 0x7c00)), [1.5, -(2 ** -24), Infinity]],
    ['BF16', bytesOf(Uint16Array.of(0x3fc0, 0x8000, 0xff80)), [1.5, -0, -Infinity]],
    ['I64', bytesOf(BigInt64Array.of(1n, -2n, 2n ** 40n)), [1, -2, 2 ** 40]],
    ['I32', bytesOf(Int32Array.of(1, -2, 2 ** 30)), [1, -2, 2 ** 30]],
    ['I16', bytesOf(Int16Array.of(1, -2, 300)), [1, -2, 300]],
    ['I8', bytesOf(Int8Array.of(1, -2, 127)), [1, -2, 127]],
    ['U64', bytesOf(BigUint64Array.of(1n, 2n, 2n ** 63n)), [1, 2, 2 ** 63]],
    ['U32', bytesOf(Uint32Array.of(1, 2, 2 ** 31)), [1, 2, 2 ** 31]],
    ['U16', bytesOf(Uint16Array.of(1, 2, 65535)), [1, 2, 65535]],
    ['U8', bytesOf(Uint8Array.of(1, 2, 255)), [1, 2, 255]],
    ['BOOL', bytesOf(Uint8Array.of(1, 0, 1)), [1, 0, 1]],
  ])('reads %s', async (dtype, data, expected) => {
    const entry = { dtype, shape: [3], data_offsets: [0, data.length] };
    // A header of odd length puts the tensors where no typed array could view them.
    for (const padding of ['', ' ']) {
      const file = fileOf(JSON.stringify({ w: entry }) + padding, data);
      expect([...(await (await openCheckpoint(file)).read('w'))]).toEqual(expected);
    }
  });

  test('opens files with element types that it cannot convert', async () => {
    const header = {
      a: { dtype: 'C64', shape: [1], data_offsets: [0, 8] },
      b: F32([1], 8, 12),
    };
    const checkpoint = await openCheckpoint(fileOf(header, 12));
    expect(await checkpoint.read('b')).toEqual(new Float32Array(1));
    await expect(checkpoint.read('a')).rejects.toMatchObject({ code: 'unsupported' });
  });

  test('reads scalars, empty tensors and names that objects have themselves', async () => {
    const header = {
      constructor: F32([], 0, 4),
      empty: F32([0, 5], 4, 4),
      ['__proto__x']: F32([1], 4, 8),
    };
    const json = JSON.stringify(header).replace('__proto__x', '__proto__');
    const checkpoint = await openCheckpoint(fileOf(json, bytesOf(Float32Array.of(7, 8))));
    expect([...checkpoint.entries.keys()].sort()).toEqual(['__proto__', 'constructor', 'empty']);
    expect([...(await checkpoint.read('__proto__'))]).toEqual([8]);
    expect([...(await checkpoint.read('constructor'))]).toEqual([7]);
    expect(await checkpoint.read('empty')).toHaveLength(0);
    await expect(checkpoint.read('toString')).rejects.toMatchObject({ code: 'mismatch' });
  });

  test('writes what it reads', async () => {
    const data = Float32Array.from({ length: 24 }, (_, i) => i / 7);
    const tensors = [
      { name: 'a', shape: [2, 3, 4], read: async () => data },
      { name: 'ünïcode "quoted"', shape: [], read: async () => Float32Array.of(3) },
      { name: 'empty', shape: [0], read: async () => new Float32Array(0) },
    ];
    const checkpoint = await openCheckpoint(await writeSafetensors(tensors));
    expect(checkpoint.entries.get('a')).toEqual({ shape: [2, 3, 4], dtype: 'float32', bytes: 96 });
    expect(await checkpoint.read('a')).toEqual(data);
    expect(await checkpoint.read('ünïcode "quoted"')).toEqual(Float32Array.of(3));
    expect(await checkpoint.read('empty')).toHaveLength(0);
  });
});

const LIES: Record<string, () => Uint8Array> = {
  'a header longer than the file': () => fileOf({ w: F32([1], 0, 4) }, 4, 10_000n),
  'a header of 2^63 bytes': () => fileOf({ w: F32([1], 0, 4) }, 4, 2n ** 63n),
  'a header cut short': () => fileOf({ w: F32([1], 0, 4) }, 4, 20n),
  'a tensor past the end': () => fileOf({ w: F32([2], 0, 8) }, 4),
  'bytes that no tensor has': () => fileOf({ w: F32([1], 0, 4) }, 8),
  'two tensors at one place': () => fileOf({ a: F32([1], 0, 4), b: F32([1], 0, 4) }, 4),
  'tensors that overlap': () => fileOf({ a: F32([2], 0, 8), b: F32([2], 4, 12) }, 12),
  'a gap between tensors': () => fileOf({ a: F32([1], 0, 4), b: F32([1], 8, 12) }, 12),
  'an end before its start': () => fileOf({ w: F32([1], 4, 0) }, 4),
  'a shape of another size': () => fileOf({ w: F32([3], 0, 4) }, 4),
  'a shape whose product overflows': () => fileOf({ w: F32(Array(60).fill(2 ** 40), 0, 4) }, 4),
  'a negative size': () => fileOf({ w: F32([-1], 0, 4) }, 4),
  'two negative sizes': () => fileOf({ w: F32([-1, -1], 0, 4) }, 4),
  'half an element': () => fileOf({ w: F32([0.5], 0, 2) }, 2),
  'an offset of 1e400': () =>
    fileOf('{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,1e400]}}', 4),
  'a shape that is a string': () => fileOf({ w: { ...F32([1], 0, 4), shape: 'x' } }, 4),
  'no offsets': () => fileOf({ w: { dtype: 'F32', shape: [1] } }, 4),
  'a tensor that is a number': () => fileOf({ w: 5 }, 4),
  'metadata that is not a string': () => fileOf({ __metadata__: { a: 1 }, w: F32([1], 0, 4) }, 4),
  'a header that does not end': () => fileOf('{"w":', 4),
  'text that is no UTF-8': () => concat(fileOf('{"', 0, 4n), Uint8Array.of(0xff, 0x22)),
};

describe('safetensors that lie', () => {
  test.each(Object.keys(LIES))('refuses %s', async (name) => {
    await expect(openCheckpoint((LIES[name] as () => Uint8Array)())).rejects.toMatchObject({
      name: 'CheckpointError',
      code: 'corrupt',
    });
  });

  test('refuses a header of 9 MB', async () => {
    const file = fileOf('{"a":1', new Uint8Array(0), 9n << 20n);
    const long = concat(file, new Uint8Array(9 << 20));
    await expect(openCheckpoint(long)).rejects.toMatchObject({ code: 'unsupported' });
  });
});
