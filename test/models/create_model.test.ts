/** createModel: the published sizes, what overrides them, and what the models give. */
import * as tf from '@tensorflow/tfjs';

import { createModel, listModels } from 'tfjs-revcol';
import { type ModelSizeName, REVCOL_ARCHITECTURES } from '../../src/registry/architectures';
import { decoderOfPublished, nameMapping } from '../../src/weights/names/name_mapping';
import { BACKENDS, describeBackends, expectNoLeak, useBackend } from '../support/backends';
import { describeGoldens, HAVE_GOLDENS, readGoldenJson } from '../support/goldens';
import { normalTensor, randomizeWeights } from '../support/training_step';
import { withShapesOnly } from './shapes_only_backend';

beforeAll(() => useBackend(BACKENDS[0] as string));

type Shapes = Record<string, Record<string, number[]>>;
const SHAPES = HAVE_GOLDENS ? (readGoldenJson('parameter_shapes.json') as Shapes) : { none: {} };
/** What the golden shapes are of. A size without published weights needs none. */
const NAMES = Object.keys(SHAPES)
  .filter((key) => !key.endsWith('_supervised'))
  .map((key) => `revcol_${key}` as ModelSizeName);

/** PyTorch's shape of a weight in the layout of tfjs. */
function tfjsShape(name: string, shape: number[]): number[] {
  if (/alpha\d$/.test(name)) return [shape[1] as number];
  if (shape.length < 2) return shape;
  const [out, input, height, width] = shape as [number, number, number?, number?];
  if (/dwconv/.test(name)) return [height as number, width as number, out, 1];
  // Convolutions of one pixel are matrices here.
  if (height === undefined || /proj_layers|projback|channel_reschedule/.test(name)) {
    return [input, out];
  }
  return [height, width as number, input, out];
}

function weightShapes(model: tf.LayersModel): Map<string, number[]> {
  const shapes = new Map(model.weights.map((w) => [w.originalName, w.shape as number[]]));
  expect(shapes.size).toBe(model.weights.length);
  return shapes;
}

describeGoldens('the parameters of every published size', () => {
  test('are those of sizes which exist', () => {
    expect(Object.keys(REVCOL_ARCHITECTURES)).toEqual(expect.arrayContaining(NAMES));
    expect(NAMES.length).toBeGreaterThanOrEqual(6);
  });

  const cases = NAMES.flatMap((name) => [false, true].map((supervised) => ({ name, supervised })));

  test.each(cases)('$name, supervised: $supervised', async ({ name, supervised }) => {
    const key = name.replace('revcol_', '') + (supervised ? '_supervised' : '');
    const published = SHAPES[key] as Record<string, number[]>;
    const mapping = nameMapping(decoderOfPublished(Object.keys(published)));
    const expected = new Map(
      Object.entries(published).map(([theirs, shape]) => [
        mapping.toOwn(theirs)?.name,
        tfjsShape(theirs, shape),
      ]),
    );
    expect(expected.size).toBe(Object.keys(published).length);
    const before = process.memoryUsage();
    await withShapesOnly(() =>
      expectNoLeak(() => {
        const model = createModel(name, { intermediateSupervision: supervised });
        expect(weightShapes(model)).toEqual(expected);
        expect(model.outputs).toHaveLength(supervised ? 7 : 1);
        model.dispose();
      }),
    );
    // Huge alone would take 8.6 GB.
    const after = process.memoryUsage();
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(2 ** 28);
    expect(after.rss - before.rss).toBeLessThan(2 ** 30);
  });
});

describeBackends('createModel', () => {
  const TINY = { columns: 4, channels: [4, 6, 8], depths: [1, 0, 1], patchSize: 2 };

  test('options override the size', async () => {
    await expectNoLeak(() => {
      const model = createModel('revcol_tiny', {
        ...TINY,
        inputShape: [16, 24, 1],
        numClasses: 5,
        kernelSize: 5,
        topFusion: true,
        dropPathRate: 0.25,
        backprop: 'stored',
        anchorEvery: 2,
      });
      expect(model.name).toBe('revcol_tiny');
      expect(model.inputs[0]?.shape).toEqual([null, 16, 24, 1]);
      expect(model.outputs.map((o) => o.shape)).toEqual([[null, 5]]);
      expect(model.getLayer('backbone').getConfig()).toMatchObject({
        ...TINY,
        kernelSize: 5,
        topFusion: true,
        dropPathRate: 0.25,
        backprop: 'stored',
        anchorEvery: 2,
        output: 'last',
      });
      tf.tidy(() => {
        const y = model.predict(normalTensor([3, 16, 24, 1], 1)) as tf.Tensor;
        expect(y.shape).toEqual([3, 5]);
      });
      model.dispose();
    });
  });

  test('supervised outputs: four logits, three images of the size of the input', async () => {
    await expectNoLeak(() => {
      const options = { ...TINY, columns: 8, inputShape: [16, 24, 3] as [number, number, number] };
      const model = createModel('revcol_small', {
        ...options,
        numClasses: 5,
        intermediateSupervision: true,
      });
      const shapes = [
        ...Array<number[]>(4).fill([2, 5]),
        ...Array<number[]>(3).fill([2, 16, 24, 3]),
      ];
      expect(model.getLayer('backbone').getConfig()).toMatchObject({ output: [1, 3, 5, 7] });
      randomizeWeights(model.weights, 4);
      tf.tidy(() => {
        const x = normalTensor([2, 16, 24, 3], 1);
        const outputs = model.predict(x) as tf.Tensor[];
        expect(outputs.map((y) => y.shape)).toEqual(shapes);
        // The last classifier is the one of the plain model.
        const plain = createModel('revcol_small', { ...options, numClasses: 5 });
        const byName = new Map(model.weights.map((w) => [w.originalName, w.read()]));
        plain.weights.forEach((w) =>
          w.write(byName.get(w.originalName.replace(/^head\//, 'head_3/')) as tf.Tensor),
        );
        expect((plain.predict(x) as tf.Tensor).dataSync()).toEqual(outputs[3]?.dataSync());
        plain.dispose();
      });
      model.dispose();
    });
  });
});

test('more than 1000 classes get the simple decoder', async () => {
  await withShapesOnly(() => {
    const decoders = (numClasses: number) => {
      const model = createModel('revcol_tiny', { numClasses, intermediateSupervision: true });
      const { kind } = model.getLayer('decoder_0').getConfig();
      model.dispose();
      return kind;
    };
    expect([decoders(1000), decoders(1001)]).toEqual(['progressive', 'simple']);
  });
});

/** Small enough to build them all; heads need a width that they divide. */
function miniature(size: object) {
  const width = 'numHeads' in size ? 2 * (size.numHeads as number) : 12;
  return { columns: 1, channels: [width, width], depths: [1, 0] };
}

test.each(listModels())('$name, as listModels gives it, can be built', async (record) => {
  const { name, size, weights, segmentation, detection, text } = record;
  await withShapesOnly(() => {
    if ('vocabularySize' in size) {
      const texts = createModel(name);
      expect(texts.name).toBe(name);
      expect(texts.inputs[0]?.shape).toEqual([null, null]);
      expect(texts.outputs[0]?.shape).toEqual([null, text?.numClasses]);
      expect(texts.countParams()).toBe(text?.parameters);
      texts.dispose();
      return;
    }
    const model = createModel(name, miniature(size));
    const [height, width] = weights?.inputSize ?? [size.imageSize, size.imageSize];
    expect(model.name).toBe(name);
    // A segmenter takes images of any size, and gives classes for each place in them. So does a detector, which gives
    // classes for each region, and one for none of them.
    const open = [null, null];
    const sides = segmentation || detection ? open : [height, width];
    const channels = 'inputChannels' in size ? size.inputChannels : 3;
    expect(model.inputs[0]?.shape).toEqual([null, ...sides, channels]);
    const shapes = model.outputs.map(({ shape }) => shape);
    if (detection) {
      expect(shapes).toContainEqual([null, detection.numClasses + 1]);
    } else {
      const own = 'numClasses' in size ? size.numClasses : 1000;
      const classes = (segmentation ?? weights)?.numClasses ?? own;
      expect(shapes[0]).toEqual([null, ...(segmentation ? open : []), classes]);
    }
    model.dispose();
  });
});
