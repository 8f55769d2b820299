/** Files of segmenters: OpenMMLab's form in and out, names, shapes, what is said of the classes. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';

import {
  createModel,
  type CreateSegmenterOptions,
  listModels,
  loadCheckpoint,
  openCheckpoint,
  saveCheckpoint,
  segmentationWeights,
} from 'tfjs-revcol';
import { describeSegmenter, segmenterOf } from '../../src/registry/describe_segmenter';
import { SEGMENTATION_WEIGHTS } from '../../src/registry/segmentation';
import { modelWeights } from '../../src/weights/names/model_weights';
import { nameMapping } from '../../src/weights/names/name_mapping';
import { withShapesOnly } from '../models/shapes_only_backend';
import { describeBackends, expectNoLeak, useBackend } from '../support/backends';
import { describeGoldens, GOLDENS_DIR, HAVE_GOLDENS, readGoldenJson } from '../support/goldens';
import { randomizeWeights } from '../support/training_step';

type Shapes = Record<string, Record<string, number[]>>;

const SMALL = {
  columns: 2,
  channels: [2, 3, 4, 5],
  depths: [1, 0, 1, 1],
  headChannels: 4,
  auxiliaryChannels: 3,
  numClasses: 3,
  auxiliaryHead: true,
} satisfies CreateSegmenterOptions;

const small = (options: CreateSegmenterOptions = {}) =>
  createModel('upernet_revcol_tiny.ade20k_512', { ...SMALL, ...options });

/** `upernet_base` stands for both sets of Base. */
const keyOf = (size: string) => size.replace('revcol', 'upernet');

describeGoldens('published segmenters', () => {
  const shapes = HAVE_GOLDENS ? (readGoldenJson('dense_parameter_shapes.json') as Shapes) : {};
  const records = Object.values(SEGMENTATION_WEIGHTS);
  const bare = (name: string) => name.replace(/^backbone\./, '');

  beforeAll(() => useBackend('cpu'));

  test('there are records of all of them', () => {
    const lists = Object.keys(shapes).filter((key) => key.startsWith('upernet_'));
    expect([...new Set(records.map(({ size }) => keyOf(size)))].sort()).toEqual(lists.sort());
    expect(records).toHaveLength(6);
  });

  test.each(records)('$name has exactly the published names and shapes', async (record) => {
    const published = shapes[keyOf(record.size)] as Record<string, number[]>;
    const expected = new Map(Object.entries(published).map(([name, shape]) => [bare(name), shape]));
    await withShapesOnly(() => {
      const model = createModel(record.name, { auxiliaryHead: true });
      const { mapped, unmapped } = modelWeights(model);
      expect(unmapped).toEqual([]);
      const own = new Map([...mapped].map(([name, { publishedShape }]) => [name, publishedShape]));
      expect(Object.fromEntries(own)).toEqual(Object.fromEntries(expected));
      model.dispose();
    });
    const mapping = nameMapping();
    for (const [name, shape] of expected) {
      const there = mapping.toOwn(name);
      expect(mapping.toPublished(there?.name ?? '')?.name).toBe(name);
      expect(there?.layout.publishedShape(there.layout.ownShape(shape) ?? [])).toEqual(shape);
    }
  });

  test.each(records)('$name is described as it is built, and has the printed size', (record) => {
    const published = shapes[keyOf(record.size)] as Record<string, number[]>;
    const mapping = nameMapping();
    const described = describeSegmenter(segmenterOf(record, true));
    const found = Object.fromEntries(
      described.map(({ name, shape }) => {
        const there = mapping.toPublished(name);
        return [there?.name, there?.layout.publishedShape(shape)];
      }),
    );
    expect(found).toEqual(
      Object.fromEntries(Object.entries(published).map(([name, shape]) => [bare(name), shape])),
    );
    const trained = described.filter((spec) => spec.trained);
    const count = trained.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
    // Printed in the official README, in millions; of Base it prints what the shapes do not give.
    const printed: Record<string, number> = {
      revcol_tiny: 60.2,
      revcol_small: 90.4,
      revcol_base: 168.9,
      revcol_large: 306.6,
      revcol_huge: 2426.3,
    };
    expect((count / 1e6).toFixed(1)).toBe((printed[record.size] as number).toFixed(1));
    const [listed] = listModels({ filter: record.name });
    expect(listed?.segmentation).toBe(segmentationWeights(record.name));
    expect(listed?.parameters).toBeLessThan(count);
  });

  test('the golden file: classes and palette of its meta, optimizer left alone', async () => {
    const golden = await openCheckpoint(path.join(GOLDENS_DIR, 'upernet.pth'));
    expect([...golden.metadata.keys()].sort()).toEqual(['meta', 'optimizer']);
    await golden.close();
    const model = createModel('upernet_revcol_tiny.ade20k_512', {
      columns: 3,
      channels: [8, 16, 24, 32],
      depths: [1, 1, 2, 1],
      numClasses: 7,
      headChannels: 16,
    });
    const file = path.join(GOLDENS_DIR, 'upernet.pth');
    await expect(loadCheckpoint(model, file)).rejects.toThrow(
      /auxiliary_head.*supervision: 'skip'/s,
    );
    const report = await loadCheckpoint(model, file, { supervision: 'skip' });
    expect(report.classes).toHaveLength(7);
    expect(report.palette).toHaveLength(7);
    expect(report.loaded).toHaveLength(model.weights.length);
    model.dispose();
  });
});

describeBackends(
  'files of segmenters',
  () => {
    test.each(['safetensors', 'openmmlab'] as const)('%s: there and back', async (format) => {
      await expectNoLeak(async () => {
        const [model, other] = [small(), small()];
        randomizeWeights(model.weights, 3);
        tf.tidy(() => {
          const counts = model.weights.filter(({ shape }) => shape.length === 0);
          expect(counts).toHaveLength(13);
          counts.forEach((count, i) => count.write(tf.scalar(160000 + i)));
        });
        const labels = {
          classes: ['wall', 'sky', 'sea'],
          palette: [
            [1, 2, 3],
            [0, 0, 255],
            [250, 7, 9],
          ] as [number, number, number][],
        };
        const blob = await saveCheckpoint(model, undefined, { format, ...labels });
        const file = await openCheckpoint(blob);
        expect(file.format).toBe(format === 'openmmlab' ? 'pytorch' : 'safetensors');
        const names = [...file.entries.keys()];
        expect(
          names.filter((name) => !/^(backbone|decode_head|auxiliary_head)\./.test(name)),
        ).toEqual([]);
        expect(file.entries.get('decode_head.bottleneck.bn.num_batches_tracked')).toEqual({
          shape: [],
          dtype: 'int64',
          bytes: 8,
        });
        await file.close();
        const report = await loadCheckpoint(other, blob);
        expect(report).toMatchObject(labels);
        model.weights.forEach((weight, i) => {
          expect(other.weights[i]?.read().dataSync()).toEqual(weight.read().dataSync());
        });
        model.dispose();
        other.dispose();
      });
    });

    test('another number of classes, and the backbone of a classifier', async () => {
      const warn = jest.spyOn(console, 'warn').mockImplementation();
      const [model, other] = [small(), small({ numClasses: 5 })];
      const blob = await saveCheckpoint(model);
      await expect(loadCheckpoint(other, blob)).rejects.toThrow("pass head: 'skip'");
      const { loaded } = await loadCheckpoint(other, blob, { head: 'skip' });
      expect(loaded).toHaveLength(model.weights.length - 4);
      const { columns, channels, depths } = SMALL;
      const classifier = createModel('revcol_tiny', { columns, channels, depths, numClasses: 9 });
      const report = await loadCheckpoint(other, await saveCheckpoint(classifier), {
        head: 'skip',
      });
      expect(report.loaded).toHaveLength(classifier.weights.length - 4);
      expect(warn).toHaveBeenCalledTimes(2);
      warn.mockRestore();
      [model, other, classifier].forEach((m) => m.dispose());
    });

    test('names and colours that cannot be written', async () => {
      const model = small();
      const save = (options: object) => saveCheckpoint(model, undefined, options);
      await expect(save({ classes: ['a', 1] })).rejects.toThrow('classes has to be');
      await expect(save({ palette: [[1, 2, 300]] })).rejects.toThrow('palette has to be');
      await expect(
        save({
          classes: ['a'],
          palette: [
            [1, 2, 3],
            [4, 5, 6],
          ],
        }),
      ).rejects.toThrow('1 classes and 2 colours');
      await expect(save({ format: 'pth' })).rejects.toThrow("'openmmlab'");
      model.dispose();
    });

    test('a file that cannot be finished leaves the one before', async () => {
      const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'segmenter-'));
      const file = path.join(folder, 'model.pth');
      const model = small();
      await saveCheckpoint(model, file, { format: 'openmmlab' });
      const before = fs.readFileSync(file);
      const controller = new AbortController();
      const saving = saveCheckpoint(model, file, {
        format: 'openmmlab',
        signal: controller.signal,
        onProgress: () => controller.abort(new Error('stopped')),
      });
      await expect(saving).rejects.toThrow('stopped');
      expect(fs.readdirSync(folder)).toEqual(['model.pth']);
      expect(fs.readFileSync(file).equals(before)).toBe(true);
      fs.rmSync(folder, { recursive: true });
      model.dispose();
    });
  },
  { only: ['wasm'] },
);
