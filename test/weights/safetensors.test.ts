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
    expect(checkpoint).toMatchObject({ format: 'safetensors' });
    expect([...checkpoint.metadata]).toEqual([['format', 'pt']]);
    await checkpoint.close();
  });

  test('reads tensors in any order of the header, with types that are packed', async () => {
    const header = {
      c: F32([2], 12, 20),
      a: F32([1], 0, 4),
      b: { dtype: 'F4', shape: [16], data_offsets: [4, 12] },
    };
    const data = bytesOf(Float32Array.of(1, 0, 0, 2, 3));
    const checkpoint = await openCheckpoint(fileOf(header, data));
    expect([...checkpoint.entries]).toEqual([
      ['a', { dtype: 'float32', shape: [1], bytes: 4 }],
      ['b', { dtype: 'F4', shape: [16], bytes: 8 }],
      ['c', { dtype: 'float32', shape: [2], bytes: 8 }],
    ]);
    expect([...(await checkpoint.read('c'))]).toEqual([2, 3]);
  });

  test('writes what it is told beside tensors, aligned, and says how far it is', async () => {
    const tensor = (name: string, value: number) => ({
      ...{ name, shape: [1], read: async () => Float32Array.of(value) },
    });
    for (const name of ['a', 'ab', 'abc', 'abcdefgh']) {
      const done: number[][] = [];
      const onProgress = (...counts: number[]) => void done.push(counts);
      const file = await writeSafetensors([tensor(name, 1), tensor('z', 2)], undefined, {
        ...{ metadata: { made: 'here' }, onProgress },
      });
      const bytes = new Uint8Array(await file.arrayBuffer());
      const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
      expect([length % 8, bytes.length]).toEqual([0, 8 + length + 8]);
      expect(done).toEqual([
        [1, 2],
        [2, 2],
      ]);
      expect([...(await openCheckpoint(bytes)).metadata]).toEqual([['made', 'here']]);
    }
  });

  test('writes nothing of tensors that do not fit together', async () => {
    const one = { name: 'a', shape: [2, 3], read: async () => Float32Array.of(1) };
    await expect(writeSafetensors([one])).rejects.toMatchObject({
      code: 'mismatch',
      message: 'Tensor a has 1 elements, its shape [2, 3] needs 6',
    });
    await expect(writeSafetensors([one, one])).rejects.toMatchObject({
      code: 'mismatch',
      message: 'Two tensors are named a',
    });
    await expect(writeSafetensors([{ ...one, name: 'n'.repeat(9 << 20) }])).rejects.toMatchObject({
      code: 'unsupported',
      message: '1 tensors are too many for one file',
    });
  });
});

test('a key of parts that a safetensors file does not have is refused', async () => {
  const file = new Blob([Uint8Array.from(fileOf({ a: F32([1], 0, 4) }, 4))]);
  await expect(openCheckpoint(file, { key: 'ema' })).rejects.toMatchObject({
    code: 'mismatch',
    message: expect.stringContaining("so no key 'ema'; leave the key out") as string,
  });
});

const LIES: Record<string, [file: () => Uint8Array, says: RegExp]> = {
  'a header longer than the file': [
    () => fileOf({ w: F32([1], 0, 4) }, 4, 10_000n),
    /: its header claims 10000 bytes of a file of \d+/,
  ],
  'a header of 2^63 bytes': [
    () => fileOf({ w: F32([1], 0, 4) }, 4, 2n ** 63n),
    /: its header claims 9223372036854776000 bytes of a file/,
  ],
  'a header cut short': [
    () => fileOf({ w: F32([1], 0, 4) }, 4, 20n),
    /: its header does not parse: /,
  ],
  'a tensor past the end': [
    () => fileOf({ w: F32([2], 0, 8) }, 4),
    /: its tensors take 8 bytes, the file has 4/,
  ],
  'bytes that no tensor has': [
    () => fileOf({ w: F32([1], 0, 4) }, 8),
    /: its tensors take 4 bytes, the file has 8/,
  ],
  'two tensors at one place': [
    () => fileOf({ a: F32([1], 0, 4), b: F32([1], 0, 4) }, 4),
    /: tensor b begins at 0, the one before it ends at 4/,
  ],
  'tensors that overlap': [
    () => fileOf({ a: F32([2], 0, 8), b: F32([2], 4, 12) }, 12),
    /: tensor b begins at 4, the one before it ends at 8/,
  ],
  'a gap between tensors': [
    () => fileOf({ a: F32([1], 0, 4), b: F32([1], 8, 12) }, 12),
    /: tensor b begins at 8, the one before it ends at 4/,
  ],
  'an end before its start': [
    () => fileOf({ w: F32([1], 4, 0) }, 4),
    /: tensor w has -4 bytes, its shape needs 4/,
  ],
  'a shape of another size': [
    () => fileOf({ w: F32([3], 0, 4) }, 4),
    /: tensor w has 4 bytes, its shape needs 12/,
  ],
  'a shape whose product overflows': [
    () => fileOf({ w: F32(Array(60).fill(2 ** 40), 0, 4) }, 4),
    /: tensor w has 4 bytes, its shape needs Infinity/,
  ],
  'a negative size': [
    () => fileOf({ w: F32([-1], 0, 4) }, 4),
    /: tensor w lacks dtype, shape or data_offsets/,
  ],
  'two negative sizes': [
    () => fileOf({ w: F32([-1, -1], 0, 4) }, 4),
    /: tensor w lacks dtype, shape or data_offsets/,
  ],
  'half an element': [
    () => fileOf({ w: F32([0.5], 0, 2) }, 2),
    /: tensor w lacks dtype, shape or data_offsets/,
  ],
  'an offset of 1e400': [
    () => fileOf('{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,1e400]}}', 4),
    /: tensor w lacks dtype, shape or data_offsets/,
  ],
  'a shape that is a string': [
    () => fileOf({ w: { ...F32([1], 0, 4), shape: 'x' } }, 4),
    /: tensor w lacks dtype, shape or data_offsets/,
  ],
  'no offsets': [
    () => fileOf({ w: { dtype: 'F32', shape: [1] } }, 4),
    /: tensor w lacks dtype, shape or data_offsets/,
  ],
  'a tensor that is a number': [() => fileOf({ w: 5 }, 4), /: its header says nothing of w/],
  'metadata that is not a string': [
    () => fileOf({ __metadata__: { a: 1 }, w: F32([1], 0, 4) }, 4),
    /: its metadata a is not a string/,
  ],
  'a header that does not end': [() => fileOf('{"w":', 4), /: its header does not parse: /],
  'text that is no UTF-8': [
    () => concat(fileOf('{"', 0, 4n), Uint8Array.of(0xff, 0x22)),
    /: its header does not parse: /,
  ],
  'an end before its start, of an empty tensor': [
    () => fileOf({ w: { dtype: 'F7', shape: [0], data_offsets: [4, 0] } }, 4),
    /: tensor w has -4 bytes, its shape needs 0$/,
  ],
  'three offsets': [
    () => fileOf({ w: { dtype: 'F32', shape: [1], data_offsets: [0, 4, 8] } }, 4),
    /: tensor w lacks dtype, shape or data_offsets$/,
  ],
  'a type that is a number': [
    () => fileOf({ w: { dtype: 32, shape: [1], data_offsets: [0, 4] } }, 4),
    /: tensor w lacks dtype, shape or data_offsets$/,
  ],
  'packed elements of another size': [
    () => fileOf({ w: { dtype: 'F6_E2M3', shape: [4], data_offsets: [0, 4] } }, 4),
    /: tensor w has 4 bytes, its shape needs 3$/,
  ],
  'a tensor that is a list': [() => fileOf({ w: [] }, 0), /: its header says nothing of w$/],
  'a tensor that is null': [() => fileOf({ w: null }, 0), /: its header says nothing of w$/],
  'more commas than tensors': [
    () => fileOf(`{"w":[${'0,'.repeat(600_000)}0]}`, 0),
    /: its header does not describe tensors$/,
  ],
  'more brackets than tensors': [
    () => fileOf(`{"w":${'['.repeat(300_000)}${'{"":'.repeat(300_000)}`, 0),
    /: its header does not describe tensors$/,
  ],
  'a name without end': [
    () => fileOf({ ['n'.repeat(300)]: 1 }, 0),
    /: its header says nothing of n{200}\.\.\.$/,
  ],
};

describe('safetensors that lie', () => {
  test.each(Object.keys(LIES))('refuses %s', async (name) => {
    const [file, says] = LIES[name] as [() => Uint8Array, RegExp];
    await expect(openCheckpoint(file())).rejects.toMatchObject({
      name: 'CheckpointError',
      code: 'corrupt',
      message: expect.stringMatching(says) as string,
    });
  });

  test('refuses a header of 9 MB', async () => {
    const file = fileOf('{"a":1', new Uint8Array(0), 9n << 20n);
    const long = concat(file, new Uint8Array(9 << 20));
    await expect(openCheckpoint(long)).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('has 9437184 bytes; at most 8388608 are read') as string,
    });
  });

  test('refuses more than 16,384 tensors, and takes as many', async () => {
    const header = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`${i}`, F32([0], 0, 0)]));
    expect((await openCheckpoint(fileOf(header(1 << 14), 0))).entries.size).toBe(1 << 14);
    await expect(openCheckpoint(fileOf(header((1 << 14) + 1), 0))).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('holds 16385 tensors; at most 16384') as string,
    });
  });
});
