/** Files of detectors: OpenMMLab's form in and out, names and shapes of all published ones. */

import * as tf from '@tensorflow/tfjs';

import {
  COCO_CATEGORY_IDS,
  COCO_CLASSES,
  type CreateDetectorOptions,
  createModel,
  detectionWeights,
  listModels,
  loadCheckpoint,
  openCheckpoint,
  saveCheckpoint,
} from 'tfjs-revcol';
import { describeDetector, detectorOf } from '../../src/registry/describe_detector';
import { DETECTION_WEIGHTS } from '../../src/registry/detection';
import { modelWeights } from '../../src/weights/names/model_weights';
import { nameMapping } from '../../src/weights/names/name_mapping';
import { withShapesOnly } from '../models/shapes_only_backend';
import { describeBackends, expectNoLeak, useBackend } from '../support/backends';
import { describeGoldens, HAVE_GOLDENS, readGoldenJson } from '../support/goldens';
import { randomizeWeights } from '../support/training_step';

type Shapes = Record<string, Record<string, number[]>>;

const SMALL = {
  columns: 2,
  channels: [2, 3, 4, 5],
  depths: [1, 0, 1, 1],
  pyramidChannels: 3,
  hiddenChannels: 4,
  numClasses: 3,
} satisfies CreateDetectorOptions;

const small = (options: CreateDetectorOptions = {}) =>
  createModel('cascade_mask_rcnn_revcol_tiny.coco', { ...SMALL, ...options });

/** `cascade_mask_rcnn_base` stands for both sets of Base. */
const keyOf = (size: string) => size.replace('revcol', 'cascade_mask_rcnn');

describeGoldens('published detectors', () => {
  const shapes = HAVE_GOLDENS ? (readGoldenJson('dense_parameter_shapes.json') as Shapes) : {};
  const records = Object.values(DETECTION_WEIGHTS);
  const bare = (name: string) => name.replace(/^backbone\./, '');
  const publishedOf = (size: string) =>
    new Map(Object.entries(shapes[keyOf(size)] ?? {}).map(([name, shape]) => [bare(name), shape]));

  beforeAll(() => useBackend('cpu'));

  test('there are records of all of them', () => {
    const lists = Object.keys(shapes).filter((key) => key.startsWith('cascade_'));
    expect([...new Set(records.map(({ size }) => keyOf(size)))].sort()).toEqual(lists.sort());
    expect(records).toHaveLength(5);
  });

  test.each(records)('$name has exactly the published names and shapes', async (record) => {
    const expected = publishedOf(record.size);
    await withShapesOnly(() => {
      const model = createModel(record.name);
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
    const mapping = nameMapping();
    const described = describeDetector(detectorOf(record));
    const found = Object.fromEntries(
      described.map(({ name, shape }) => {
        const there = mapping.toPublished(name);
        return [there?.name, there?.layout.publishedShape(shape)];
      }),
    );
    expect(found).toEqual(Object.fromEntries(publishedOf(record.size)));
    const [listed] = listModels({ filter: record.name });
    expect(listed?.detection).toBe(detectionWeights(record.name));
    // Printed in the official README: millions of parameters, and 10^9 multiply-adds of 1280 x 800 pixels.
    const printed: Record<string, [string, number]> = {
      revcol_tiny: ['87.9', 741],
      revcol_small: ['118.0', 833],
      revcol_base: ['196.1', 988],
      revcol_large: ['330.3', 1453],
    };
    const [parameters, multiplyAdds] = printed[record.size] as [string, number];
    expect(((listed?.parameters as number) / 1e6).toFixed(1)).toBe(parameters);
    expect(Math.abs((listed?.multiplyAdds as number) / 1e9 / multiplyAdds - 1)).toBeLessThan(0.05);
  });
});

test("COCO's classes and their numbers", () => {
  expect([COCO_CLASSES.length, new Set(COCO_CLASSES).size]).toEqual([80, 80]);
  expect([COCO_CATEGORY_IDS.length, COCO_CATEGORY_IDS[0], COCO_CATEGORY_IDS[79]]).toEqual([
    80, 1, 90,
  ]);
  const idOf = (name: string) => COCO_CATEGORY_IDS[COCO_CLASSES.indexOf(name)];
  expect(['stop sign', 'backpack', 'tv', 'book'].map(idOf)).toEqual([13, 27, 72, 84]);
});

describeBackends(
  'files of detectors',
  () => {
    test.each(['safetensors', 'openmmlab'] as const)('%s: there and back', async (format) => {
      await expectNoLeak(async () => {
        const [model, other] = [small(), small()];
        randomizeWeights(model.weights, 3);
        tf.tidy(() => {
          const counts = model.weights.filter(({ shape }) => shape.length === 0);
          expect(counts).toHaveLength(3 * 4);
          counts.forEach((count, i) => count.write(tf.scalar(160000 + i)));
        });
        const labels = { classes: ['cat', 'dog', 'cow'] };
        const blob = await saveCheckpoint(model, undefined, { format, ...labels });
        const file = await openCheckpoint(blob);
        const names = [...file.entries.keys()];
        expect(names.filter((name) => !/^(backbone|neck|rpn_head|roi_head)\./.test(name))).toEqual(
          [],
        );
        expect(file.entries.get('roi_head.bbox_head.1.shared_fcs.0.weight')?.shape).toEqual([
          4,
          3 * 49,
        ]);
        expect(
          file.entries.get('roi_head.bbox_head.2.shared_convs.3.bn.num_batches_tracked')?.dtype,
        ).toBe('int64');
        await file.close();
        expect(await loadCheckpoint(other, blob)).toMatchObject(labels);
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
      // Of three box heads two layers, of three mask heads one, with kernel and bias.
      expect(loaded).toHaveLength(model.weights.length - 3 * 6);
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
  },
  { only: ['wasm'] },
);

test('records say what they are not', () => {
  expect(() => detectionWeights('revcol_tiny')).toThrow('names a classifier');
  expect(() => detectionWeights('upernet_revcol_tiny.ade20k_512')).toThrow('names a segmenter');
  expect(() => detectionWeights('cascade_mask_rcnn_revcol_huge.coco')).toThrow('unknown model');
});
