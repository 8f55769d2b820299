/** Saving: what PyTorch reads is bit for bit what the model holds. */
import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';

import { layers, loadCheckpoint, saveCheckpoint } from 'tfjs-revcol';
import { openCheckpoint } from '../../src/weights/open_checkpoint';
import { writeSafetensors } from '../../src/weights/safetensors/writer';
import { describeBackends, expectNoLeak } from '../support/backends';
import { describeGoldens } from '../support/goldens';
import { GOLDEN_CASES, goldenExpected, goldenModel, goldenPath } from './support/golden_model';
import { smallModel, valuesOf } from './support/small_checkpoint';

/** What a file says of a model that knows no more than the size of its images. */
const SIZE = { tfjs_revcol: '{"task":"classification","inputSize":[8,8]}' };

/** Reads the format by its definition alone: element type, shape and bytes of each tensor. */
function parse(file: Buffer): Map<string, { dtype: string; shape: number[]; hex: string }> {
  const headerBytes = Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString('utf8', 8, 8 + headerBytes)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const data = file.subarray(8 + headerBytes);
  const tensors = new Map<string, { dtype: string; shape: number[]; hex: string }>();
  let end = 0;
  for (const [name, { dtype, shape, data_offsets: at }] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    tensors.set(name, { dtype, shape, hex: data.toString('hex', ...at) });
    end = Math.max(end, at[1]);
  }
  expect(end).toBe(data.length);
  return tensors;
}

let folder: string;
beforeAll(async () => {
  folder = await fs.mkdtemp(path.join(os.tmpdir(), 'revcol-save-'));
});
afterAll(() => fs.rm(folder, { recursive: true }));
const at = (name: string): string => path.join(folder, name);

describeGoldens('golden checkpoints', () => {
  describeBackends(
    'loaded from .pth and saved',
    () => {
      test.each(GOLDEN_CASES)("%s is bit-equal to PyTorch's own safetensors", async (name) => {
        const golden = goldenExpected(name);
        const model = goldenModel(golden);
        await loadCheckpoint(model, goldenPath(name, '.pth'));
        const file = at(`${name}.safetensors`);
        await expectNoLeak(() => saveCheckpoint(model, file));
        const [saved, wanted] = await Promise.all(
          [file, goldenPath(name, '.weights.safetensors')].map((p) => fs.readFile(p)),
        );
        const [got, expected] = [parse(saved as Buffer), parse(wanted as Buffer)];
        expect([...got.keys()].sort()).toEqual([...expected.keys()].sort());
        // One by one: the difference of two files would be printed in full.
        for (const [tensor, value] of expected) expect(got.get(tensor)).toEqual(value);
        model.dispose();
      });
    },
    { except: ['cpu'] },
  );
});

describeBackends('saveCheckpoint', () => {
  let model: tf.LayersModel;
  beforeAll(() => {
    model = smallModel(5);
  });
  afterAll(() => model.dispose());

  test('keeps every bit: NaN payloads, negative zero, subnormal numbers', async () => {
    const head = model.weights.find(
      ({ originalName }) => originalName === 'head/classifier/bias',
    ) as tf.LayerVariable;
    const bits = Uint32Array.of(0x7fc00001, 0x80000000, 0x00000001, 0xff800000);
    const before = head.read().clone();
    tf.tidy(() => {
      head.write(tf.tensor1d(new Float32Array(bits.buffer)));
    });
    const saved = parse(Buffer.from(await (await saveCheckpoint(model)).arrayBuffer()));
    const hex = Buffer.from(bits.buffer).toString('hex');
    expect(saved.get('cls.classifier.1.bias')).toEqual({ dtype: 'F32', shape: [4], hex });
    head.write(before);
    before.dispose();
  });

  test('a Blob without a path; the same bytes as the file; loads back', async () => {
    const blob = await saveCheckpoint(model);
    const fractions: number[] = [];
    const options = { onProgress: (fraction: number) => fractions.push(fraction) };
    await saveCheckpoint(model, at('same.safetensors'), options);
    const file = await fs.readFile(at('same.safetensors'));
    expect(Buffer.from(await blob.arrayBuffer()).equals(file)).toBe(true);
    expect(fractions).toHaveLength(model.weights.length);
    expect(fractions.at(-1)).toBe(1);
    const other = smallModel(6);
    await loadCheckpoint(other, blob);
    expect(valuesOf(other)).toEqual(valuesOf(model));
    other.dispose();
  });

  test('marks the file as PyTorch’s, aligns it, and keeps metadata', async () => {
    const plain = Buffer.from(await (await saveCheckpoint(model)).arrayBuffer());
    expect((8 + Number(plain.readBigUInt64LE(0))) % 8).toBe(0);
    expect(plain.toString('utf8', 8, 60)).toContain(
      '"__metadata__":{"format":"pt","tfjs_revcol":"',
    );
    const metadata = { epoch: '12' };
    const { metadata: read } = await openCheckpoint(
      await saveCheckpoint(model, undefined, { metadata }),
    );
    expect(Object.fromEntries(read)).toEqual({ format: 'pt', epoch: '12', ...SIZE });
  });

  test('notes by what the model normalises pixels, also in an inner model', async () => {
    const mean = new Float32Array([0.5, 0.25, 0.125]);
    const own = smallModel(1, { pixelMean: mean as unknown as number[], pixelStd: 2 });
    for (const saved of [own, tf.sequential({ layers: [own] })]) {
      const { metadata } = await openCheckpoint(await saveCheckpoint(saved));
      expect(Object.fromEntries(metadata)).toEqual({
        format: 'pt',
        pixel_mean: '[0.5,0.25,0.125]',
        pixel_std: '[2]',
        ...SIZE,
      });
    }
    const given = { metadata: { pixel_std: '[3]' } };
    const { metadata } = await openCheckpoint(await saveCheckpoint(own, undefined, given));
    expect(Object.fromEntries(metadata)).toMatchObject({
      pixel_mean: '[0.5,0.25,0.125]',
      pixel_std: '[3]',
    });
    own.dispose();
  });

  test('metadata that is not text is refused before anything is written', async () => {
    const metadata = { epoch: 3 } as unknown as Record<string, string>;
    await expect(saveCheckpoint(model, at('numbers'), { metadata })).rejects.toMatchObject({
      name: 'CheckpointError',
      message: 'saveCheckpoint: metadata.epoch is 3; a safetensors header holds strings only',
    });
    await expect(
      saveCheckpoint(model, at('numbers'), { metadata, format: 'openmmlab' }),
    ).rejects.toThrow('saveCheckpoint: metadata.epoch is 3; expected strings only');
    expect(await fs.readdir(folder)).not.toContain('numbers');
  });

  test('weights without a published name that share one, or are not of float32, are not kept', async () => {
    const inner = (name: string) =>
      tf.sequential({
        name,
        layers: [tf.layers.dense({ units: 2, inputShape: [2], name: 'same' })],
      });
    const make = (inners: tf.LayersModel[]) => {
      const size = { channels: [2, 3], depths: [1, 1], patchSize: 2, columns: 1 };
      const own = tf.sequential();
      own.add(layers.revColBackbone({ ...size, inputShape: [4, 4, 3] }));
      own.add(tf.layers.dense({ units: 2, name: 'mine' }));
      inners.forEach((one) => own.add(one));
      return own;
    };
    const [one, two] = [make([inner('a')]), make([inner('a'), inner('b')])];
    const kept = await saveCheckpoint(one, undefined, { others: 'keep' });
    await expect(loadCheckpoint(two, kept)).rejects.toThrow('same/kernel');
    const { missing } = await loadCheckpoint(two, kept, { strict: false });
    expect(missing).toEqual(['same/kernel', 'same/bias', 'same/kernel', 'same/bias']);
    await expect(saveCheckpoint(two, undefined, { others: 'keep' })).rejects.toThrow(
      'have the name same/kernel; give their layers different names',
    );
    await expect(saveCheckpoint(two)).rejects.toThrow('have no published name, for example');
    one.dispose();
    two.dispose();
  });

  test('layers that are not RevCol’s have no published name', async () => {
    const own = tf.sequential();
    const size = { channels: [2, 3], depths: [1, 1], patchSize: 2, columns: 2 };
    own.add(layers.revColBackbone({ ...size, inputShape: [8, 8, 3] }));
    own.add(tf.layers.dense({ units: 2, name: 'mine' }));
    await expect(saveCheckpoint(own, at('own'))).rejects.toThrow(
      "mine/kernel; pass others: 'keep'",
    );
    expect(await fs.readdir(folder)).not.toContain('own');
    const saved = await openCheckpoint(await saveCheckpoint(own, undefined, { others: 'skip' }));
    expect(saved.entries.size).toBe(own.weights.length - 2);
    await expect(saveCheckpoint(own, undefined, { others: 'save' as never })).rejects.toThrow(
      "others is \"save\"; expected one of 'throw', 'skip', 'keep'",
    );
    // Kept, they come back; without them in the file they are missing as ever.
    const kept = await saveCheckpoint(own, undefined, { others: 'keep' });
    const before = own.getWeights().map((weight) => [...weight.dataSync()]);
    own.setWeights(own.getWeights().map((weight) => tf.tidy(() => tf.zerosLike(weight))));
    const { loaded, missing, unexpected } = await loadCheckpoint(own, kept);
    expect([loaded.length, missing, unexpected]).toEqual([own.weights.length, [], []]);
    expect(own.getWeights().map((weight) => [...weight.dataSync()])).toEqual(before);
    const without = await saveCheckpoint(own, undefined, { others: 'skip' });
    await expect(loadCheckpoint(own, without)).rejects.toThrow('mine/kernel');
    const other = tf.sequential();
    other.add(layers.revColBackbone({ ...size, inputShape: [8, 8, 3] }));
    other.add(tf.layers.dense({ units: 5, name: 'mine' }));
    await expect(loadCheckpoint(other, kept)).rejects.toThrow(
      'mine/kernel: [3, 2] in the file, [3, 5] in the model',
    );
    other.dispose();
    own.dispose();
    const none = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
    await expect(saveCheckpoint(none, undefined, { others: 'skip' })).rejects.toThrow(
      'has no RevCol weights',
    );
    none.dispose();
  });
});

describe('writing', () => {
  const tensor = (name: string, read: () => Promise<Float32Array>) => ({ name, shape: [2], read });
  const good = tensor('good', async () => Float32Array.of(1, 2));

  test('a failure leaves an existing file as it was and nothing else behind', async () => {
    const file = at('kept.safetensors');
    await writeSafetensors([good], file);
    const before = await fs.readFile(file);
    const bad = tensor('bad', async () => {
      throw new Error('no such tensor');
    });
    await expect(writeSafetensors([good, bad], file)).rejects.toThrow('no such tensor');
    const short = tensor('short', async () => Float32Array.of(1));
    await expect(writeSafetensors([good, short], file)).rejects.toMatchObject({ code: 'mismatch' });
    await expect(writeSafetensors([good, good], file)).rejects.toThrow(
      'Two tensors are named good',
    );
    expect((await fs.readFile(file)).equals(before)).toBe(true);
    const left = (await fs.readdir(folder)).filter((name) => name.startsWith('kept'));
    expect(left).toEqual(['kept.safetensors']);
  });

  test('a place that cannot be written is an io error', async () => {
    await expect(writeSafetensors([good], at('no/such/folder/x'))).rejects.toMatchObject({
      code: 'io',
    });
    await fs.mkdir(at('folder'));
    await expect(writeSafetensors([good], at('folder'))).rejects.toMatchObject({ code: 'io' });
  });
});
