import '@tensorflow/tfjs-backend-wasm';
import 'tfjs-revcol/layers';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';

import { architectureOf } from '../../src/convert/architecture';
import { convertCheckpoint, type ConvertOptions } from '../../src/convert/convert_checkpoint';
import { filesSink, folderSink } from '../../src/convert/model_sinks';
import { createModel } from '../../src/models/create_model';
import { REVCOL_ARCHITECTURES } from '../../src/registry/architectures';
import type { CheckpointEntry } from '../../src/weights/checkpoint';
import { openCheckpoint } from '../../src/weights/open_checkpoint';
import { describeGoldens, GOLDENS_DIR, readGolden, readGoldenJson } from '../support/goldens';
import { type Files, filesOf, filesOfFolder, load, modelJson } from './loaded';

beforeAll(async () => {
  await tf.setBackend('wasm');
});

async function convert(file: string, options: ConvertOptions): Promise<Files> {
  const checkpoint = await openCheckpoint(path.join(GOLDENS_DIR, file));
  try {
    return await filesOf((await convertCheckpoint(checkpoint, filesSink(), options)).model);
  } finally {
    await checkpoint.close();
  }
}

/** Relative error of the loaded model's logits against the golden's. */
async function logitsError(files: Files, golden: string, logits: string): Promise<number> {
  const { tensors } = readGolden(`${golden}.expected.safetensors`);
  const x = tensors.get('x');
  const expected = tensors.get(logits);
  if (!x || !expected) throw new Error(`${golden} has no x or ${logits}`);
  const before = tf.memory().numTensors;
  const model = await load(files);
  const output = tf.tidy(() => {
    const nchw = tf.tensor(x.data, x.shape as [number, number, number, number]);
    return model.predict(tf.transpose(nchw, [0, 2, 3, 1])) as tf.Tensor;
  });
  const got = await output.data();
  output.dispose();
  model.dispose();
  expect(tf.memory().numTensors).toBe(before);
  let difference = 0;
  let norm = 0;
  for (const [i, value] of expected.data.entries()) {
    difference += ((got[i] as number) - value) ** 2;
    norm += value ** 2;
  }
  return Math.sqrt(difference / norm);
}

const HEADS: [golden: string, size: [number, number], logits: string][] = [
  ['plain', [64, 64], 'logits.0'],
  ['huge', [64, 64], 'logits.0'],
  ['odd_size', [75, 53], 'logits.0'],
  ['sixteen_columns', [64, 64], 'logits.0'],
  ['supervised', [64, 64], 'logits.3'],
  ['supervised_many_classes', [64, 64], 'logits.3'],
];

describeGoldens('converted checkpoints load with tf.loadLayersModel', () => {
  test.each(HEADS)('%s gives the expected logits', async (golden, inputSize, logits) => {
    const files = await convert(`${golden}.pth`, { inputSize });
    expect(await logitsError(files, golden, logits)).toBeLessThan(1e-5);
  });

  test.each([
    ['float16', 2e-3],
    ['uint8', 0.1],
  ] as const)('%s is close', async (dtype, tolerance) => {
    const inputSize = [64, 64] as const;
    const files = await convert('plain.pth', { inputSize, dtype });
    const error = await logitsError(files, 'plain', 'logits.0');
    expect(error).toBeGreaterThan(0);
    expect(error).toBeLessThan(tolerance);
    const full = await convert('plain.pth', { inputSize });
    const bytes = (set: Files) =>
      [...set].reduce((sum, [name, data]) => sum + (name.endsWith('.bin') ? data.length : 0), 0);
    const entries = modelJson(full).weightsManifest.flatMap((group) => group.weights);
    const count = (rank: (shape: number[]) => boolean) =>
      entries
        .filter(({ shape }) => rank(shape))
        .reduce((n, { shape }) => n + tf.util.sizeFromShape(shape), 0);
    const vectors = count((shape) => shape.length === 1);
    const kernels = count((shape) => shape.length > 1);
    expect(bytes(full)).toBe(4 * (vectors + kernels));
    expect(bytes(files)).toBe(4 * vectors + (dtype === 'float16' ? 2 : 1) * kernels);
  });

  test('shards are cut at the size asked for, the topology is that of createModel', async () => {
    const metadata = { name: 'mine' };
    const shardBytes = 100_000;
    const files = await convert('plain.pth', { inputSize: [64, 64], shardBytes, metadata });
    const json = modelJson(files);
    const { paths } = json.weightsManifest[0] as { paths: string[] };
    expect(paths.length).toBeGreaterThan(2);
    expect(new Set([...paths, 'model.json'])).toEqual(new Set(files.keys()));
    expect(paths[0]).toBe(`group1-shard1of${paths.length}.bin`);
    for (const name of paths.slice(0, -1)) expect(files.get(name)?.length).toBe(shardBytes);
    expect(json.userDefinedMetadata).toEqual(metadata);
    const built = createModel('revcol_tiny', {
      channels: [8, 16, 24, 32],
      depths: [1, 1, 2, 1],
      columns: 4,
      numClasses: 10,
      inputShape: [64, 64, 3],
    });
    const expected = built.toJSON(null, false) as unknown as { config: { name: string } };
    expected.config.name = 'revcol';
    expect(json.modelTopology).toEqual(expected);
    built.dispose();
  });

  test('a folder appears whole or not at all', async () => {
    const root = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-convert-'));
    try {
      const folder = path.join(root, 'deep', 'model');
      const checkpoint = await openCheckpoint(path.join(GOLDENS_DIR, 'plain.pth'));
      const fractions: number[] = [];
      const inputSize = [64, 64] as const;
      const report = await convertCheckpoint(checkpoint, await folderSink(folder), {
        inputSize,
        onProgress: (fraction) => fractions.push(fraction),
      });
      expect(report).toMatchObject({ model: `${folder}/model.json`, unused: [] });
      expect(fractions.at(-1)).toBe(1);
      expect(fs.readdirSync(path.dirname(folder))).toEqual(['model']);
      expect(await logitsError(filesOfFolder(folder), 'plain', 'logits.0')).toBeLessThan(1e-5);
      await expect(folderSink(folder)).rejects.toThrow('is not empty');

      const broken = {
        ...checkpoint,
        read: async (name: string) => {
          if (name.startsWith('cls')) throw new Error('the disk is gone');
          return checkpoint.read(name);
        },
      };
      const other = path.join(root, 'other');
      const failing = convertCheckpoint(broken, await folderSink(other), { inputSize });
      await expect(failing).rejects.toThrow('the disk is gone');
      expect(fs.readdirSync(root)).toEqual(['deep']);
      await checkpoint.close();
    } finally {
      fs.rmSync(root, { recursive: true, force: true });
    }
  });

  test('a file that is not whole is refused before anything is written', async () => {
    const checkpoint = await openCheckpoint(path.join(GOLDENS_DIR, 'plain.pth'));
    const without = (name: string) => {
      const entries = new Map(checkpoint.entries);
      entries.delete(name);
      return { ...checkpoint, entries };
    };
    const refused = (changed: typeof checkpoint) =>
      expect(convertCheckpoint(changed, filesSink(), { inputSize: [64, 64] })).rejects;
    await refused(without('subnet1.level2.blocks.1.pwconv1.bias')).toThrow('has no subnet1.level2');
    await refused(without('cls.classifier.1.bias')).toThrow('no classifier');
    await refused(without('stem.0.weight')).toThrow('stem.0.weight is missing');
    await refused(without('stem.0.weight')).toMatchObject({
      name: 'CheckpointError',
      code: 'mismatch',
    });
    const entries = new Map(checkpoint.entries);
    const name = 'subnet2.level1.blocks.0.norm.weight';
    entries.set(name, { ...(entries.get(name) as CheckpointEntry), shape: [17] });
    await refused({ ...checkpoint, entries }).toThrow(
      'is [17] in the file; its neighbours want [16]',
    );
    await checkpoint.close();
  });
});

describeGoldens('architectureOf', () => {
  const shapes = readGoldenJson('parameter_shapes.json') as Record<string, [string, number[]][]>;
  const entriesOf = (key: string, prefix = '') => {
    const pairs = shapes[key] as unknown;
    const list = Array.isArray(pairs)
      ? (pairs as [string, number[]][])
      : Object.entries(pairs as Record<string, number[]>);
    return new Map<string, CheckpointEntry>(
      list.map(([name, shape]) => [prefix + name, { shape, dtype: 'float32', bytes: 0 }]),
    );
  };

  // A size without published weights has no golden shapes.
  const published = Object.entries(REVCOL_ARCHITECTURES).filter(
    ([name]) => name.replace('revcol_', '') in shapes,
  );
  test('there are shapes to read', () => expect(published.length).toBeGreaterThanOrEqual(6));

  test.each(published)('%s', (name, size) => {
    const key = name.replace('revcol_', '');
    const { channels, depths, columns, kernelSize, patchSize, topFusion } = size;
    const expected = { size: name, channels, depths, columns, kernelSize, patchSize, topFusion };
    expect(architectureOf(entriesOf(key))).toEqual({
      ...expected,
      inputChannels: 3,
      numClasses: 1000,
      supervised: false,
      prefix: '',
    });
    expect(architectureOf(entriesOf(`${key}_supervised`, 'module.'))).toMatchObject({
      ...expected,
      numClasses: 1000,
      supervised: true,
      prefix: 'module.',
    });
  });

  test('other tensors', () => {
    const entry: CheckpointEntry = { shape: [3, 3], dtype: 'float32', bytes: 36 };
    expect(() => architectureOf(new Map([['conv.weight', entry]]))).toThrow(
      'not those of a RevCol',
    );
    expect(() => architectureOf(new Map([['stem.0.weight', entry]]))).toThrow('[3, 3]');
    let error: unknown;
    try {
      architectureOf(new Map());
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ name: 'CheckpointError', code: 'mismatch' });
  });
});
