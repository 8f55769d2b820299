import * as fs from 'node:fs';
import * as path from 'node:path';

import type { CheckpointEntry } from '../../src/weights/checkpoint';
import { openCheckpoint } from '../../src/weights/open_checkpoint';
import { MAX_MEMORY } from '../../src/weights/pickle/costs';
import { OP } from '../../src/weights/pickle/opcodes';
import { isOpaque, PickleDict, type PickleValue } from '../../src/weights/pickle/values';
import { describeGoldens, GOLDENS_DIR, HAVE_GOLDENS } from '../support/goldens';
import {
  buildPth,
  bytesOf,
  dict,
  global,
  integer,
  pickleOf,
  type Piece,
  tensor,
  text,
  tuple,
} from './support/build_pickle';
import { buildZip } from './support/build_zip';
import {
  type ExpectedTensor,
  expectedTensors,
  firstDifference,
  fixturePath,
  readFixture,
} from './support/fixtures';

const goldenFiles = HAVE_GOLDENS
  ? fs.readdirSync(GOLDENS_DIR).filter((file) => file.endsWith('.pth'))
  : ['none'];

describeGoldens('golden .pth files', () => {
  test.each(goldenFiles)('%s equals its safetensors bit for bit', async (file) => {
    const pth = await openCheckpoint(path.join(GOLDENS_DIR, file));
    const safetensors = await openCheckpoint(
      path.join(GOLDENS_DIR, file.replace('.pth', '.weights.safetensors')),
    );
    expect(pth.format).toBe('pytorch');
    expect(safetensors.format).toBe('safetensors');
    expect([...pth.entries.keys()].sort()).toEqual([...safetensors.entries.keys()].sort());
    for (const [name, entry] of pth.entries) {
      expect(entry).toEqual(safetensors.entries.get(name));
      expect(firstDifference(await pth.read(name), await safetensors.read(name))).toBe(-1);
    }
    await pth.close();
    await safetensors.close();
  });
});

const READABLE = [
  'dtypes.pth',
  'dtypes_legacy.pth',
  'strides.pth',
  'strides_legacy.pth',
  'nested.pth',
  'lightning.pth',
  'protocol2.pth',
  'protocol5.pth',
  'no_crc.pth',
  'deflated.pth',
  'deflated_stream.pth',
  'zip64.pth',
  'trainer.pth',
  'tutorial.pth',
  'several_parts.pth',
  'negated.pth',
  'negated_legacy.pth',
];

describe('files made by PyTorch', () => {
  test.each(READABLE)('%s holds what PyTorch says', async (file) => {
    const checkpoint = await openCheckpoint(fixturePath(file));
    const expected = await expectedTensors(file);
    const wanted = [...expected.keys()].filter((name) => !name.startsWith('ema.'));
    expect([...checkpoint.entries.keys()].sort()).toEqual(wanted.sort());
    for (const name of wanted) {
      const { shape, data } = expected.get(name) as ExpectedTensor;
      const got = await checkpoint.read(name);
      const { dtype, shape: gotShape, bytes } = checkpoint.entries.get(name) as CheckpointEntry;
      expect(gotShape).toEqual(shape);
      expect(bytes % Math.max(1, data.length)).toBe(0);
      // Which NaN a half NaN becomes depends on the processor, and so does the sign of one that was
      // negated in 16 bits; everything else is bit-exact.
      if (dtype === 'float16' || (dtype === 'bfloat16' && file.startsWith('negated')))
        expect([...got]).toEqual([...data]);
      else expect({ name, differsAt: firstDifference(got, data) }).toEqual({ name, differsAt: -1 });
    }
    await checkpoint.close();
  });

  test('knows the element types', async () => {
    const { entries } = await openCheckpoint(readFixture('dtypes.pth'));
    for (const [name, { dtype }] of entries) {
      if (name !== 'scalar' && name !== 'empty') expect(dtype).toBe(name);
    }
    expect(entries.get('int64')).toEqual({ dtype: 'int64', shape: [5], bytes: 40 });
    expect(entries.get('scalar')).toEqual({ dtype: 'float32', shape: [], bytes: 4 });
  });

  test('reads every half precision number', async () => {
    const halves = new Uint8Array(Uint16Array.from({ length: 65536 }, (_, i) => i).buffer);
    const pickle = pickleOf(
      dict({ h: tensor({ storage: 'HalfStorage', length: 65536, shape: [65536] }) }),
    );
    const got = await (await openCheckpoint(buildPth(pickle, { 0: halves }))).read('h');
    for (let half = 0; half < 65536; half++) {
      const [exponent, fraction] = [(half >> 10) & 31, half & 1023];
      const magnitude =
        exponent === 31
          ? fraction
            ? NaN
            : Infinity
          : exponent
            ? (1 + fraction / 1024) * 2 ** (exponent - 15)
            : (fraction / 1024) * 2 ** -14;
      const value = half & 0x8000 ? -magnitude : magnitude;
      if (!Object.is(got[half], value)) throw new Error(`half ${half}: ${got[half]}, not ${value}`);
    }
  });

  test('takes the weights from the official trainer’s file, the rest stays data', async () => {
    const checkpoint = await openCheckpoint(readFixture('trainer.pth'));
    const { metadata } = checkpoint;
    expect([...checkpoint.entries.keys()][0]).toBe('module.0.weight');
    expect(metadata.get('epoch')).toBe(299);
    expect(metadata.get('max_accuracy')).toBe(81.25);
    expect(metadata.get('input')).toEqual({ kind: 'opaque', module: '__builtin__', name: 'input' });
    expect(metadata.get('optimizer')).toBeInstanceOf(PickleDict);
    const config = metadata.get('config') as PickleValue;
    expect(config).toMatchObject({ kind: 'opaque', module: 'yacs.config', name: 'CfgNode' });
    const modelNode = isOpaque(config) ? config.entries?.get('MODEL') : undefined;
    expect(isOpaque(modelNode) && modelNode.entries?.get('NUM_CLASSES')).toBe(10);
  });

  test('takes no optimizer’s state for weights, unless a key names it', async () => {
    const tutorial = await openCheckpoint(readFixture('tutorial.pth'));
    expect([...tutorial.metadata.keys()]).toEqual(['epoch', 'optimizer_state_dict', 'loss']);
    const parts = await openCheckpoint(readFixture('several_parts.pth'));
    expect([...parts.entries.keys()].filter((name) => !name.startsWith('net.net.'))).toEqual([
      'step',
    ]);
    expect(parts.metadata.get('optimizer')).toBeInstanceOf(PickleDict);
    const key = 'optimizer_state_dict';
    const moments = await openCheckpoint(readFixture('tutorial.pth'), { key });
    expect([...moments.entries.keys()]).toContain('state.0.exp_avg_sq');
    const group = dict({ params: [OP.EMPTY_LIST] });
    const alone = dict({
      state: dict({ 0: dict({ exp_avg: tensor() }) }),
      param_groups: [OP.EMPTY_LIST, group, OP.APPEND],
    });
    const opening = openCheckpoint(buildPth(pickleOf(alone)));
    await expect(opening).rejects.toMatchObject({ code: 'format' });
    await expect(opening).rejects.toThrow("The file holds an optimizer's state, not weights");
  });

  test('the negative bit of types that PyTorch cannot negate, the conjugate bit', async () => {
    const checkpoint = await openCheckpoint(readFixture('unsupported_bits.pth'));
    expect(await checkpoint.read('ok')).toEqual(Float32Array.of(1, 1));
    for (const name of ['c', 'n', 'u', 'b']) {
      await expect(checkpoint.read(name)).rejects.toMatchObject({ code: 'unsupported' });
    }
    await expect(checkpoint.read('u')).rejects.toThrow('Tensors of type uint16 with the negative');
  });

  test('metadata of tensors means what it means to PyTorch: keys count, not values', async () => {
    const storages = { 0: new Uint8Array(Float32Array.of(0, 1, -2, 3).buffer) };
    const read = async (metadata: Piece) =>
      (await openCheckpoint(buildPth(pickleOf(dict({ w: tensor({ metadata }) })), storages))).read(
        'w',
      );
    const negative = Float32Array.of(-0, -1, 2, -3);
    expect(await read(dict({ neg: OP.NEWTRUE }))).toEqual(negative);
    expect(await read(dict({ neg: OP.NEWFALSE }))).toEqual(negative);
    const plain = Float32Array.of(0, 1, -2, 3);
    expect(await read(dict({ other: OP.NEWTRUE }))).toEqual(plain);
    expect(await read(OP.NONE)).toEqual(plain);
    await expect(read(dict({ conj: OP.NEWTRUE }))).rejects.toMatchObject({ code: 'corrupt' });
    await expect(read(text('neg'))).rejects.toMatchObject({ code: 'corrupt' });
  });

  test('reads what was saved from an XLA device', async () => {
    const onDevice = (type: string): Piece => [
      global('torch._utils', '_rebuild_device_tensor_from_cpu_tensor'),
      tuple(tensor(), global('torch', type), text('xla:0'), OP.NEWFALSE),
      OP.REDUCE,
    ];
    const storages = { 0: new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer) };
    const file = (type: string) => buildPth(pickleOf(dict({ w: onDevice(type) })), storages);
    const checkpoint = await openCheckpoint(file('float32'));
    expect(await checkpoint.read('w')).toEqual(Float32Array.of(1, 2, 3, 4));
    // PyTorch would round to the type, which no file of its own asks for.
    await expect(openCheckpoint(file('bfloat16'))).rejects.toMatchObject({ code: 'format' });
  });

  test('reads subclasses of tensors, whose function has to be the name of one', async () => {
    const [, args] = tensor() as Piece[];
    const plain = global('torch._utils', '_rebuild_tensor_v2');
    const file = (callee: Piece) => {
      const pieces = [callee, global('m', 'Subclass'), args as Piece, OP.NONE];
      const call = [global('torch._tensor', '_rebuild_from_type_v2'), tuple(...pieces), OP.REDUCE];
      return buildPth(pickleOf(dict({ w: call })));
    };
    const checkpoint = await openCheckpoint(file(plain));
    expect(await checkpoint.read('w')).toEqual(new Float32Array(4));
    // What came of a call is no name, nor is anything else: there is no tensor then.
    const result = [plain, OP.EMPTY_TUPLE, OP.REDUCE];
    for (const callee of [result, OP.NONE, text('_rebuild_tensor_v2'), OP.EMPTY_LIST]) {
      await expect(openCheckpoint(file(callee))).rejects.toMatchObject({ code: 'format' });
    }
  });

  test('reads storages of PyTorch’s own classes, wherever it has them, and of no others', async () => {
    for (const module of ['torch', 'torch.cuda', 'torch.storage']) {
      const checkpoint = await openCheckpoint(ofTensor({ module }));
      expect(await checkpoint.read('w')).toEqual(new Float32Array(4));
    }
    for (const module of ['mine', 'pytorch', 'mine.torch'])
      await expect(openCheckpoint(ofTensor({ module }))).rejects.toMatchObject({ code: 'format' });
  });

  test('reads dicts with defaults, and tensors as PyTorch wrote them first', async () => {
    const [, args] = tensor() as [Piece, Piece[]];
    // The first four of what `_rebuild_tensor_v2` takes.
    const first = [args[0], ...args.slice(1, 5), args.at(-1)] as Piece[];
    const old = [global('torch._utils', '_rebuild_tensor'), first, OP.REDUCE];
    const factory = tuple(global('builtins', 'dict'));
    const weights = [
      [global('collections', 'defaultdict'), factory, OP.REDUCE],
      [OP.MARK, text('w'), old, OP.SETITEMS],
    ];
    const checkpoint = await openCheckpoint(buildPth(pickleOf(dict({ model: weights }))));
    expect(await checkpoint.read('w')).toEqual(new Float32Array(4));
  });

  test('says of other byte orders what to do', async () => {
    const data = (value: string) => new TextEncoder().encode(value);
    const file = buildZip([
      { name: 'a/data.pkl', data: pickleOf(dict({})) },
      { name: 'a/byteorder', data: data('big') },
    ]);
    await expect(openCheckpoint(file)).rejects.toMatchObject({
      code: 'unsupported',
      message:
        'The checkpoint has byte order "big"; load and save it again with PyTorch on a little-endian machine',
    });
  });

  test('keeps as metadata what has a text for a name', async () => {
    const pairs = [text('model'), dict({ w: tensor() }), text('epoch'), integer(3), integer(5)];
    const pickle = pickleOf([OP.EMPTY_DICT, OP.MARK, ...pairs, OP.NONE, OP.SETITEMS]);
    const { metadata } = await openCheckpoint(buildPth(pickle));
    expect([...metadata]).toEqual([['epoch', 3]]);
  });

  test('takes weights by keys joined by dots, which keys themselves may hold', async () => {
    const weights = dict({ w: tensor() });
    const file = buildPth(
      pickleOf(
        dict({ net: dict({ ema: weights, other: OP.NONE }), 'net.avg': dict({ 'v.1': weights }) }),
      ),
    );
    for (const key of ['net.ema', 'net.avg', 'net.avg.v.1']) {
      const { entries } = await openCheckpoint(file, { key });
      expect([...entries.keys()]).toEqual([key === 'net.avg' ? 'v.1.w' : 'w']);
    }
    for (const key of ['net.gone', 'net.ema.gone', 'gone.ema', '.ema']) {
      await expect(openCheckpoint(file, { key })).rejects.toMatchObject({ code: 'mismatch' });
    }
  });

  test('lets go, when it is closed, of storages that were not read to their ends', async () => {
    const half = (offset: number) => tensor({ offset, shape: [2] });
    const pickle = pickleOf(dict({ first: half(0), second: half(2) }));
    const checkpoint = await openCheckpoint(buildPth(pickle, undefined, { deflate: true }));
    const cancel = jest.spyOn(ReadableStreamDefaultReader.prototype, 'cancel');
    await checkpoint.read('first');
    expect(cancel).not.toHaveBeenCalled();
    await checkpoint.close();
    expect(cancel).toHaveBeenCalledTimes(1);
    cancel.mockRestore();
  });

  test('takes state_dict_ema when told to', async () => {
    const expected = await expectedTensors('trainer.pth');
    const checkpoint = await openCheckpoint(readFixture('trainer.pth'), { key: 'state_dict_ema' });
    expect([...checkpoint.entries.keys()]).toEqual(['0.weight', '0.bias', '1.weight', '1.bias']);
    for (const name of checkpoint.entries.keys()) {
      const { data } = expected.get(`ema.${name}`) as ExpectedTensor;
      expect(firstDifference(await checkpoint.read(name), data)).toBe(-1);
    }
  });

  test('says which keys there are', async () => {
    await expect(openCheckpoint(readFixture('trainer.pth'), { key: 'ema' })).rejects.toThrow(
      /nothing under 'ema'; its keys are 'model', 'optimizer'/,
    );
    await expect(
      openCheckpoint(readFixture('trainer.pth'), { key: 'epoch' }),
    ).rejects.toMatchObject({
      code: 'mismatch',
    });
  });

  test('says what a pickled module is', async () => {
    await expect(openCheckpoint(readFixture('module.pth'))).rejects.toThrow(
      /torch\.nn\.modules\.linear\.Linear, not a dict of weights; save with torch\.save/,
    );
  });

  test('opens files with element types that it cannot convert', async () => {
    const checkpoint = await openCheckpoint(readFixture('unsupported_dtypes.pth'));
    expect(await checkpoint.read('ok')).toEqual(Float32Array.of(1, 1));
    await expect(checkpoint.read('c')).rejects.toMatchObject({ code: 'unsupported' });
    await expect(checkpoint.read('c')).rejects.toThrow(/complex64 cannot be read/);
    expect(await checkpoint.read('f8')).toEqual(Float32Array.of(0, 0));
    await expect(checkpoint.read('absent')).rejects.toMatchObject({ code: 'mismatch' });
  });
});

/** Every tensor is read too: what opening accepts must hold. */
async function openAndRead(file: Uint8Array): Promise<void> {
  const checkpoint = await openCheckpoint(file);
  for (const name of checkpoint.entries.keys()) await checkpoint.read(name);
}

const ofTensor = (fields: Parameters<typeof tensor>[0]) =>
  buildPth(pickleOf(dict({ w: tensor(fields) })));

const CORRUPT: Record<string, () => Uint8Array> = {
  'a tensor past its storage': () => ofTensor({ shape: [5] }),
  'an offset past its storage': () => ofTensor({ offset: 1 }),
  'an offset of 2^62': () => ofTensor({ offset: 2n ** 62n }),
  'a negative offset': () => ofTensor({ offset: -1 }),
  'a negative size': () => ofTensor({ shape: [-4] }),
  'a negative stride': () => ofTensor({ strides: [-1] }),
  'a stride past the end': () => ofTensor({ shape: [2, 2], strides: [3, 1] }),
  'sizes whose product overflows': () =>
    ofTensor({ shape: Array(60).fill(2 ** 40), strides: Array(60).fill(1) }),
  'more sizes than strides': () => ofTensor({ shape: [2, 2] }),
  'a hundred dimensions': () =>
    ofTensor({ shape: Array(100).fill(1), strides: Array(100).fill(1) }),
  'a storage longer than its entry': () => ofTensor({ length: 5 }),
  'a storage shorter than its entry': () => ofTensor({ length: 3, shape: [3] }),
  'a storage of 2^60': () => ofTensor({ length: 2n ** 60n, shape: [2 ** 50] }),
  'a storage that is not there': () => ofTensor({ key: 'gone' }),
  'a storage outside its folder': () => ofTensor({ key: '../byteorder', length: 1, shape: [1] }),
  'a tensor of no storage type': () =>
    buildPth(
      pickleOf(
        dict({
          w: [
            global('torch._utils', '_rebuild_tensor_v2'),
            tuple([tuple(text('storage'), text('0'), text('0')), OP.BINPERSID]),
            OP.REDUCE,
          ],
        }),
      ),
    ),
  'an OrderedDict of a number': () =>
    buildPth(pickleOf([global('collections', 'OrderedDict'), tuple([OP.BININT1, 3]), OP.REDUCE])),
};

describe('hostile PyTorch files', () => {
  test.each(Object.keys(CORRUPT))('refuses %s', async (name) => {
    await expect(openAndRead((CORRUPT[name] as () => Uint8Array)())).rejects.toMatchObject({
      name: 'CheckpointError',
      code: 'corrupt',
    });
  });

  test('a small file cannot ask for a large memory', async () => {
    const repeated = ofTensor({ shape: [2 ** 20, 2 ** 20], strides: [0, 0] });
    await expect(openAndRead(repeated)).rejects.toMatchObject({ code: 'unsupported' });
  });

  test('an empty tensor may begin anywhere', async () => {
    const file = ofTensor({ shape: [0, 2 ** 40, 2 ** 40], strides: [1, 1, 1], offset: 2 ** 50 });
    const checkpoint = await openCheckpoint(file);
    expect(await checkpoint.read('w')).toEqual(new Float32Array(0));
  });

  test('dicts that contain themselves, or one another many times, end', async () => {
    const cycle = bytesOf(
      OP.PROTO,
      2,
      OP.EMPTY_DICT,
      OP.BINPUT,
      0,
      text('self'),
      OP.BINGET,
      0,
      OP.SETITEM,
      OP.STOP,
    );
    await expect(openAndRead(buildPth(cycle))).rejects.toMatchObject({ code: 'unsupported' });
    // Fifteen dicts, each of which holds the one before ten times.
    const dicts = Array.from({ length: 15 }, (_, level) => [
      OP.EMPTY_DICT,
      Array.from({ length: 10 }, (_, i) => [
        text(`${i}`),
        level ? [OP.BINGET, level - 1] : OP.NONE,
        OP.SETITEM,
      ]),
      OP.BINPUT,
      level,
    ]);
    const laughs = bytesOf(OP.PROTO, 2, dicts, OP.STOP);
    await expect(openAndRead(buildPth(laughs))).rejects.toMatchObject({ code: 'unsupported' });
  });

  test('names cannot grow without end', async () => {
    let nested: Parameters<typeof pickleOf>[0] = tensor();
    for (let depth = 0; depth < 10; depth++) nested = dict({ ['n'.repeat(500)]: nested });
    await expect(openAndRead(buildPth(pickleOf(nested)))).rejects.toMatchObject({
      code: 'unsupported',
    });
  });

  test('a pickle of a gigabyte, deflated, is not unpacked', async () => {
    const bomb = new Uint8Array(64 << 20).fill(OP.EMPTY_DICT);
    const file = buildPth(new Uint8Array(0));
    expect(file.length).toBeLessThan(1000);
    const zip = (await import('./support/build_zip')).buildZip([
      { name: 'archive/data.pkl', data: bomb, deflate: true },
    ]);
    expect(zip.length).toBeLessThan(200_000);
    await expect(openAndRead(zip)).rejects.toMatchObject({ code: 'unsupported' });
    const steps = (await import('./support/build_zip')).buildZip([
      { name: 'archive/data.pkl', data: bomb.subarray(0, 20 << 20), deflate: true },
    ]);
    const before = process.memoryUsage().rss;
    // Time of the processor: that of a clock depends on what else the machine does.
    const start = process.cpuUsage();
    await expect(openAndRead(steps)).rejects.toThrow(`over ${MAX_MEMORY >> 20} MB`);
    const { user, system } = process.cpuUsage(start);
    expect((user + system) / 1000).toBeLessThan(2000);
    expect(process.memoryUsage().rss - before).toBeLessThan(256e6);
  });
});
