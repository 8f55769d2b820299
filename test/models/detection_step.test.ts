/** Steps of training detectors: they learn, by their seeds; pictures without objects; what is refused. */
import * as tf from '@tensorflow/tfjs';

import {
  AdamW,
  type BinaryMask,
  type CreateDetectorOptions,
  createModel,
  detect,
  detectionStep,
  encodeMask,
  type ImageObjects,
  layers,
  Lion,
  SGD,
} from 'tfjs-revcol';
import { linearize } from '../../src/ops/engine/linearize';
import { withSeededRandom } from '../../src/ops/engine/random';
import { HeldWeights } from '../../src/training/held_weights';
import { describeBackends, expectClose, expectNoLeak } from '../support/backends';
import { failLaterAtKernel } from '../support/failing_kernels';
import { RUNS } from '../support/runs';
import { randomizeWeights, weightValues } from '../support/training_step';

const small = (options: CreateDetectorOptions = {}) =>
  withSeededRandom(4, () =>
    createModel('cascade_mask_rcnn_revcol_tiny.coco', {
      columns: 2,
      channels: [3, 4],
      depths: [1, 1],
      patchSize: 4,
      pyramidChannels: 4,
      hiddenChannels: 5,
      numClasses: 2,
      finestScale: 12,
      anchorScales: [3],
      deltaScales: [
        [0.1, 0.1, 0.2, 0.2],
        [0.05, 0.05, 0.1, 0.1],
      ],
      ...options,
    }),
  );

/** Settings of training that are refused, and what is said of them. */
const WRONG_TRAINING: readonly [object, string][] = [
  [{ overlaps: 3 }, 'training.overlaps is 3; expected a list'],
  [{ overlaps: ['a', 0.5] }, 'training.overlaps[0] is "a"; expected a number from 0 to 1'],
  [{ headWeights: Array(2) }, 'training.headWeights is [null, null]'],
  [{ headWeights: [1, -1] }, 'training.headWeights[1] is -1'],
  [{ anchors: null }, 'training.anchors: options are null'],
  [{ anchors: 'all' }, 'training.anchors: options are "all"'],
  [{ anchors: {} }, 'training.anchors.positive is undefined'],
  [{ anchors: { positive: 0.5, negative: 0.6 } }, 'training.anchors.negative is 0.6'],
  [
    { anchors: { positive: 1, negative: 0, lowQuality: '0' } },
    'training.anchors.lowQuality is "0"',
  ],
  [{ anchors: { positive: 1, negative: 0, neutral: 0 } }, "no option 'neutral'"],
  [{ anchorSamples: 8 }, 'training.anchorSamples: options are 8'],
  [{ anchorSamples: { count: 8 } }, 'training.anchorSamples.positiveShare is undefined'],
  [{ regionSamples: { count: 8.5, positiveShare: 0.5 } }, 'training.regionSamples.count is 8.5'],
  [{ regionSamples: [] }, 'training.regionSamples: options are []'],
  [{ proposals: { perLevel: 8 } }, 'training.proposals.most is undefined'],
  [{ proposals: null }, 'training.proposals: options are null'],
  [{ beta: '1' }, 'training.beta is "1"'],
  [{ boxWeight: NaN }, 'training.boxWeight is NaN'],
];

const SIDE = 32;
/** Edges of a square in a picture. */
const [FROM, TO] = [8, 22];

/** A picture with a square of class 1. */
function picture(): { x: tf.Tensor; objects: ImageObjects[] } {
  const inside = (i: number) => i >= FROM && i < TO;
  const mask = Uint8Array.from({ length: SIDE * SIDE }, (_, i) =>
    Number(inside(Math.floor(i / SIDE)) && inside(i % SIDE)),
  );
  const x = tf.tidy(() => {
    const one = tf.sub(tf.tensor4d(Float32Array.from(mask), [1, SIDE, SIDE, 1]), 0.5);
    return tf.mul(tf.concat([one, tf.neg(one), one], 3), 2);
  });
  const masks = [{ height: SIDE, width: SIDE, data: mask }];
  return { x, objects: [{ size: [SIDE, SIDE], boxes: [FROM, FROM, TO, TO], labels: [1], masks }] };
}

/** A detector on a layer of tfjs, whose kernel and bias have regularizers. */
function regularized(): tf.LayersModel {
  const image = tf.input({ shape: [null, null, 3] });
  const args = { filters: 4, kernelSize: 4, strides: 4, padding: 'same' } as const;
  const l2 = () => tf.regularizers.l2({ l2: 0.1 });
  const lower = tf.layers
    .conv2d({ ...args, kernelRegularizer: l2(), biasRegularizer: l2() })
    .apply(image) as tf.SymbolicTensor;
  const upper = tf.layers.maxPooling2d({ poolSize: 2 }).apply(lower) as tf.SymbolicTensor;
  const maps = layers.fpn({ filters: 4, outputs: 2 }).apply([lower, upper]);
  const proposals = layers.rpnHead({ strides: [4, 8] }).apply(maps);
  const boxes = tf.input({ shape: [7, 7, 4] });
  const masks = tf.input({ shape: [14, 14, 4] });
  const heads = layers
    .cascadeHead({
      units: 2,
      strides: [4, 8],
      hidden: 5,
      deltaScales: [1, 2].map(() => [1, 1, 1, 1] as const),
    })
    .apply([boxes, masks]);
  return tf.model({ inputs: [image, boxes, masks], outputs: [proposals, heads].flat() as never });
}

const FEW = {
  proposals: { perLevel: 16, most: 24, threshold: 0.7, leastSide: 0 },
  anchorSamples: { count: 32, positiveShare: 0.5 },
  regionSamples: { count: 24, positiveShare: 0.25 },
  overlaps: [0.5, 0.6],
  headWeights: [1, 0.5],
};

const steps = (backend: string): void => {
  test('equal seeds make equal steps, in both modes; frozen parts stay', async () => {
    await expectNoLeak(async () => {
      const { x, objects } = picture();
      const values = [];
      for (const backprop of ['reversible', 'reversible', 'stored'] as const) {
        const model = small({ backprop, dropPathRate: 0.3 });
        randomizeWeights(model.weights, 3);
        model.getLayer('rpn_head').trainable = false;
        const before = weightValues(model.getLayer('rpn_head').weights);
        const optimizer = tf.train.sgd(0.01);
        const options = { seed: [1, 2] as const, training: FEW, clipNorm: 5 };
        const losses = await detectionStep(model, optimizer, x, objects, options);
        expect(weightValues(model.getLayer('rpn_head').weights)).toEqual(before);
        expect(losses.classes).toHaveLength(2);
        expect(losses.objectness).toHaveLength(3);
        const all = Object.values({ ...losses, loss: [] }).flat();
        expect(all.reduce((a, b) => a + b, 0)).toBeCloseTo(losses.loss, 5);
        values.push({ losses, weights: weightValues(model.weights) });
        optimizer.dispose();
        model.dispose();
      }
      const [first, again, stored] = values;
      expect(again?.losses).toEqual(first?.losses);
      expect(stored?.losses.loss).toBeCloseTo(first?.losses.loss as number, 4);
      for (const [name, value] of first?.weights ?? []) {
        expect(again?.weights.get(name)).toEqual(value);
        expectClose(stored?.weights.get(name) ?? [], value, 1e-3, name);
      }
      x.dispose();
    });
  });

  test('pictures without objects: background is learnt, masks are not', async () => {
    await expectNoLeak(async () => {
      const model = small();
      const { x } = picture();
      const none: ImageObjects = { size: [30, 20], boxes: [], labels: [], masks: [] };
      const optimizer = tf.train.sgd(0.01);
      const losses = await detectionStep(model, optimizer, x, [none], { training: FEW });
      expect([losses.masks, losses.boxes]).toEqual([
        [0, 0],
        [0, 0],
      ]);
      expect(losses.anchorDeltas).toEqual([0, 0, 0]);
      expect(losses.classes.every((loss) => loss > 0)).toBe(true);
      expect(Number.isFinite(losses.loss)).toBe(true);
      optimizer.dispose();
      model.dispose();
      x.dispose();
    });
  });

  test('what is left out of the settings, or undefined, is published', async () => {
    const { x, objects } = picture();
    const values = [];
    for (const training of [FEW, { ...FEW, anchors: undefined, beta: undefined }]) {
      const model = small();
      const options = { seed: [1, 2] as const, training: training as typeof FEW };
      values.push(await detectionStep(model, tf.train.sgd(0.01), x, objects, options));
      model.dispose();
    }
    expect(values[1]).toEqual(values[0]);
    x.dispose();
  });

  // One backend is enough for what the goldens hold all of them to.
  if (backend !== 'wasm') return;

  test('a step whose n-th kernel fails leaves the model as it was, and nothing behind', async () => {
    const model = small({ depths: [1, 0] });
    randomizeWeights(model.weights, 3);
    // The walk clamps alphas that are too small.
    const alpha = model.weights.find(({ originalName }) => /alpha/.test(originalName));
    const tiny = alpha?.read() as tf.Variable;
    tf.tidy(() => tiny.assign(tf.fill(tiny.shape, 1e-6)));
    const { x, objects } = picture();
    const optimizer = tf.train.sgd(0.01);
    const step = () =>
      detectionStep(model, optimizer, x, objects, { seed: [1, 2], training: FEW, clipNorm: 5 });
    const before = weightValues(model.weights);
    let moved = 0;
    const stride = Math.ceil(131 / RUNS);
    for (let n = 1; ; n += stride) {
      const { numTensors } = tf.memory();
      const failure = await failLaterAtKernel(n, step);
      if (failure === null) break;
      moved++;
      expect([n, failure.kernel, tf.memory().numTensors]).toEqual([n, failure.kernel, numTensors]);
      expect(weightValues(model.weights)).toEqual(before);
    }
    expect(moved).toBeGreaterThan(8);
    expect(weightValues(model.weights)).not.toEqual(before);
    optimizer.dispose();
    model.dispose();
    x.dispose();
  });

  test('what is held for a failure is no copy of the weights', async () => {
    await expectNoLeak(() => {
      const model = small();
      const before = weightValues(model.weights);
      // Bytes count once for each tensor, though several share them.
      const { numDataBuffers } = tf.memory();
      const held = new HeldWeights(model.weights);
      expect(tf.memory()).toMatchObject({ numDataBuffers });
      randomizeWeights(model.weights, 3);
      held.restore();
      held.dispose();
      expect(weightValues(model.weights)).toEqual(before);
      model.dispose();
    });
  });

  test('a square is learnt: its box, its class, its mask', async () => {
    await expectNoLeak(async () => {
      const model = small({
        channels: [6, 8, 10],
        depths: [1, 0, 1],
        patchSize: 2,
        pyramidChannels: 8,
        hiddenChannels: 12,
        finestScale: 6,
        anchorScales: [4],
        deltaScales: [[0.1, 0.1, 0.2, 0.2]],
      });
      const { x, objects } = picture();
      const optimizer = new AdamW({ learningRate: 5e-3, weightDecay: 0.01, fused: false });
      // With half an overlap, boxes far off count as right, and rounding decides which is the surest.
      const training = { ...FEW, overlaps: [0.7], headWeights: [1] };
      let loss = 0;
      // After half of them rounding still decides for one in two seeds.
      for (let step = 0; step < 80; step++) {
        const losses = await detectionStep(model, optimizer, x, objects, {
          seed: [5, step],
          training,
        });
        loss = losses.loss;
      }
      // It begins at about 11.
      expect(loss).toBeLessThan(1);
      const image = tf.tidy(() => tf.squeeze(x, [0]));
      const found = await detect(model, image as tf.Tensor3D, { shortSide: SIDE, longSide: SIDE });
      const [best] = found.objects;
      expect(best?.label).toBe(1);
      best?.box.forEach((edge, i) => {
        expect(Math.abs(edge - (i < 2 ? FROM : TO))).toBeLessThan(2);
      });
      const wanted = objects[0]?.masks[0]?.data ?? [];
      const wrong = best?.mask?.filter((value, i) => value !== wanted[i]).length;
      expect(wrong).toBeLessThan(0.05 * SIDE * SIDE);
      tf.dispose([x, image]);
      optimizer.dispose();
      model.dispose();
    });
  });
};

// Convolutions in plain JavaScript take half a minute a test.
describeBackends('steps of detectors', steps, { except: ['cpu'] });

describeBackends(
  'what steps refuse',
  () => {
    test('before anything changes', async () => {
      await expectNoLeak(async () => {
        const model = small();
        const { x, objects } = picture();
        const own = objects[0] as ImageObjects;
        const sgd = tf.train.sgd(0.1);
        const before = weightValues(model.weights);
        const refused = (objects: unknown, text: string, options: object = {}, images = x) =>
          expect(
            detectionStep(model, sgd, images, objects as ImageObjects[], {
              training: FEW,
              ...options,
            }),
          ).rejects.toThrow(text);
        await refused([], 'objects of 0 images for a batch of 1');
        const first = 'image 0, object 0:';
        await refused([{ ...own, labels: [2] }], `${first} the label is 2`);
        await refused([{ ...own, labels: [] }], 'labels has 0 entries');
        await refused([{ ...own, boxes: [8, 8, 8, 9] }], 'expected x1 < x2');
        await refused(
          [{ ...own, boxes: [22, 8, 8, 22] }],
          `${first} the box [x1, y1, x2, y2] is [22`,
        );
        await refused([{ ...own, size: [32, 8] }], 'outside of the image of 32 x 8 pixels');
        await refused([{ ...own, masks: [] }], 'masks has 0 entries');
        const mask = own.masks[0] as ImageObjects['masks'][number];
        const masked = (mask: unknown, text: string) =>
          refused([{ ...own, size: [32, 30], masks: [mask] }], `${first} the mask ${text}`);
        await masked(
          { height: 16, width: 64, data: mask.data },
          'is of 16 x 64 pixels (height x width); expected 32 x 30, as the image, or 32 x 32',
        );
        await masked(encodeMask(mask as BinaryMask), 'is run lengths; expected');
        await masked([[1, 1, 5, 1, 5, 5]], 'is polygons; expected');
        await masked(null, 'is null; expected { height, width, data }');
        await masked({ ...mask, data: [1] }, 'has 1 values; expected 1024');
        const bytes = Uint8Array.from(mask.data, (value) => 255 * value);
        await masked({ ...mask, data: bytes }, `has the value 255 at pixel ${FROM * SIDE + FROM}`);
        await refused([{ ...own, size: [33, 32] }], 'at most 32 x 32');
        const odd = tf.tidy(() => tf.slice(x, [0, 0, 0, 0], [1, 31, 32, 3]));
        await refused(objects, 'multiples of 8', {}, odd);
        odd.dispose();
        await refused(objects, 'clipNorm is 0', { clipNorm: 0 });
        await refused(objects, 'training.overlaps has 1', { training: { overlaps: [0.5] } });
        await refused(objects, "no option 'rate'", { training: { rate: 1 } });
        for (const [training, text] of WRONG_TRAINING) {
          await refused(objects, text, { training: { ...FEW, ...training } });
        }
        await refused(objects, 'training: options are 3', { training: 3 });
        await refused(objects, 'seed is 3', { seed: 3 });
        for (const fused of [true, 'safe'] as const) {
          const optimizers = [new AdamW({ fused }), new Lion({ fused }), new SGD({ fused })];
          for (const optimizer of optimizers) {
            await expect(
              detectionStep(model, optimizer, x, objects, { training: FEW }),
            ).rejects.toThrow('fused: false');
            optimizer.dispose();
          }
        }
        const penalized = regularized();
        await expect(detectionStep(penalized, sgd, x, objects, { training: FEW })).rejects.toThrow(
          /has 2 regularizers, which this step does not add; leave them out, and give the optimizer weightDecay/,
        );
        penalized.dispose();
        expect(weightValues(model.weights)).toEqual(before);
        sgd.dispose();
        model.dispose();
        x.dispose();
      });
    });

    test('linearize: gradients of any outputs later, and what is kept is freed', async () => {
      await expectNoLeak(async () => {
        const [a, b] = [tf.tensor1d([1, 2, 3]), tf.tensor1d([4, 5, 6])];
        const run = () => linearize(() => [tf.mul(a, b), tf.sum(tf.square(a))], [a, b]);
        const step = run();
        await Promise.resolve();
        const dy = tf.tensor1d([1, 0, 2]);
        const [dA, dB] = step.pullBack([dy, null]);
        expect(Array.from(dA?.dataSync() ?? [])).toEqual([4, 0, 12]);
        expect(Array.from(dB?.dataSync() ?? [])).toEqual([1, 0, 6]);
        expect(() => step.pullBack([dy, null])).toThrow('has been walked');
        const other = run();
        const one = tf.scalar(1);
        const [d, none] = other.pullBack([null, one]);
        expect(Array.from(d?.dataSync() ?? [])).toEqual([2, 4, 6]);
        expect(none).toBe(null);
        const unused = run();
        unused.dispose();
        const inGradient = tf.grad((x) => linearize(() => [x], [x]).outputs[0] as tf.Tensor);
        expect(() => inGradient(a)).toThrow('a gradient is being recorded');
        tf.dispose([a, b, dy, one, ...[dA, dB, d].map((t) => t as tf.Tensor)]);
        for (const { outputs } of [step, other, unused]) tf.dispose([...outputs]);
      });
    });
  },
  { only: ['wasm'] },
);
