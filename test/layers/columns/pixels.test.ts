/** Pixels that the model itself normalises: the same network, saved, learning; and what it warns of. */
import * as tf from '@tensorflow/tfjs';

import {
  AdamW,
  createModel,
  createVitModel,
  layers,
  preprocess,
  type RevColBackbone,
  type RevColBackboneArgs,
  trainingStep,
} from 'tfjs-revcol';
import { withSeededRandom } from '../../../src/ops/engine/random';
import { tidyAll } from '../../../src/ops/engine/tensors';
import { describeBackends, expectClose, expectNoLeak, readsAtOnce } from '../../support/backends';
import { drawShapes, SIDE } from '../../support/shapes';
import {
  expectSameStep,
  normals,
  projectedLoss,
  randomizeWeights,
  takeStep,
} from '../../support/training_step';

const SMALL: RevColBackboneArgs = { columns: 2, channels: [4, 6], depths: [1, 1], patchSize: 2 };

/** Values between 0 and `top`, the same for a seed. */
function pixels(shape: number[], seed: number, top = 1): tf.Tensor {
  const unit = normals(seed, tf.util.sizeFromShape(shape)).map((v) => 1 / (1 + Math.exp(-2 * v)));
  return tf.tensor(
    unit.map((v) => v * top),
    shape,
  );
}

function pixelClassifier(args: RevColBackboneArgs, channels = 1): tf.Sequential {
  return tf.sequential({
    layers: [
      layers.revColBackbone({ ...SMALL, inputShape: [SIDE, SIDE, channels], ...args }),
      layers.revColHead({ units: 3, name: 'head' }),
    ],
  });
}

let warn: jest.SpyInstance<void, unknown[]>;
beforeEach(() => {
  warn = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
});
afterEach(() => warn.mockRestore());

/** What has been warned of once all that was asked of the device has been answered. */
async function warnings(): Promise<string[]> {
  // A device answers in the order of asking; larger than what tfjs would compute on the processor.
  const last = tf.tidy(() => tf.square(tf.ones([300])));
  // It does not answer where a test lets it fail.
  await last.data().catch(() => undefined);
  last.dispose();
  await new Promise((resolve) => setTimeout(resolve, 5));
  return warn.mock.calls.map(([text]) => String(text));
}

describeBackends('pixels that the model normalises', (backend) => {
  const CASES: [string, RevColBackboneArgs, number[], number[], number[]][] = [
    [
      'RGB',
      { pixelMean: [0.5, 0.4, 0.3], pixelStd: [0.2, 0.3, 0.4] },
      [8, 12, 3],
      [0.5, 0.4, 0.3],
      [0.2, 0.3, 0.4],
    ],
    [
      'one number for all',
      { pixelMean: 0.5, pixelStd: 0.25 },
      [8, 8, 4],
      [0.5, 0.5, 0.5, 0.5],
      [0.25, 0.25, 0.25, 0.25],
    ],
    ['a mean alone', { pixelMean: [0.5] }, [8, 8, 1], [0.5], [1]],
    ['a deviation alone', { pixelStd: [0.5, 2] }, [8, 8, 2], [0, 0], [0.5, 2]],
  ];

  test.each(CASES)('%s: as normalised before', async (_, options, shape, mean, std) => {
    await expectNoLeak(() => {
      for (const backprop of ['reversible', 'stored'] as const) {
        const steps = [true, false].map((inside) =>
          tidyAll(() => {
            const backbone = layers.revColBackbone({
              ...SMALL,
              backprop,
              ...(inside ? options : {}),
              name: 'backbone',
            });
            const raw = pixels([2, ...shape], 7);
            const x = inside ? raw : tf.div(tf.sub(raw, mean), std);
            backbone.apply(x);
            randomizeWeights(backbone.weights, 3);
            const step = takeStep(
              () => projectedLoss(backbone.apply(x, { training: true }) as tf.Tensor),
              backbone.trainableWeights,
            );
            const input = tf.grad((t) => projectedLoss(backbone.apply(t) as tf.Tensor))(x);
            const scaled = (inside ? tf.mul(input, std) : input).dataSync();
            const [recovery] = readsAtOnce(backend) ? backbone.reconstructionError(x) : [];
            backbone.dispose();
            return { step, scaled, recovery };
          }),
        );
        const [inside, outside] = steps as [(typeof steps)[0], (typeof steps)[0]];
        expectSameStep(inside.step, outside.step, 1e-4);
        expectClose(inside.scaled, outside.scaled, 1e-4, 'gradient of the input');
        if (readsAtOnce(backend)) expect(inside.recovery?.levels).toHaveLength(2);
      }
    });
  });

  test('of any size, and integers as a canvas gives them', async () => {
    await expectNoLeak(() =>
      tidyAll(() => {
        const model = pixelClassifier(
          {
            inputShape: [null, null, 3] as unknown as number[],
            pixelMean: [127.5, 120, 110],
            pixelStd: [60, 61, 62],
          },
          3,
        );
        const bytes = tf.cast(pixels([2, 9, 13, 3], 4, 255), 'int32');
        const floats = tf.cast(bytes, 'float32');
        expectClose(model.apply(bytes) as tf.Tensor, model.predict(floats) as tf.Tensor, 1e-6);
        expect((model.predict(pixels([1, 16, 20, 3], 4, 255)) as tf.Tensor).shape).toEqual([1, 3]);
        model.dispose();
      }),
    );
  });

  test('it is saved with the model, and no weight is added', async () => {
    const model = pixelClassifier({ pixelMean: [0.45], pixelStd: 0.2, name: 'backbone' });
    const plain = pixelClassifier({ name: 'backbone' });
    const names = (m: tf.LayersModel) => m.weights.map((w) => w.originalName);
    expect(names(model)).toEqual(names(plain));
    randomizeWeights(model.weights, 5);
    let saved: tf.io.ModelArtifacts | undefined;
    await model.save(
      tf.io.withSaveHandler(async (artifacts) => {
        saved = JSON.parse(JSON.stringify({ ...artifacts, weightData: null })) as typeof saved;
        (saved as tf.io.ModelArtifacts).weightData = artifacts.weightData;
        return { modelArtifactsInfo: tf.io.getModelArtifactsInfoForJSON(artifacts) };
      }),
    );
    const loaded = await tf.loadLayersModel(tf.io.fromMemory(saved as tf.io.ModelArtifacts));
    expect(loaded.getLayer('backbone').getConfig()).toMatchObject({
      pixelMean: [0.45],
      pixelStd: 0.2,
    });
    tf.tidy(() => {
      const x = pixels([2, SIDE, SIDE, 1], 1);
      expectClose(loaded.predict(x) as tf.Tensor, model.predict(x) as tf.Tensor, 0);
    });
    for (const m of [model, plain, loaded]) m.dispose();
  });

  // Once: that backends compute the same is said above, and plain JavaScript takes minutes for as many steps.
  const learns = backend === 'wasm' ? test : test.skip;
  learns('grey figures in 0..1 are learned with it, and not without', async () => {
    const lossAfter = (options: RevColBackboneArgs) => {
      const model = withSeededRandom(1, () =>
        pixelClassifier({ channels: [16, 32, 32], depths: [1, 1, 1], ...options }),
      );
      const optimizer = new AdamW({ learningRate: 3e-3 });
      const losses: number[] = [];
      for (let step = 0; step < 40; step++) {
        const { images, labels } = drawShapes(24, step);
        const loss = trainingStep(model, optimizer, images, (logits) =>
          tf.losses.softmaxCrossEntropy(labels, logits),
        );
        losses.push(loss.dataSync()[0] as number);
        tf.dispose([images, labels, loss]);
      }
      model.dispose();
      optimizer.dispose();
      return losses.slice(-5).reduce((a, b) => a + b) / 5;
    };
    // A guess costs log(3), 1.099.
    expect(lossAfter({})).toBeGreaterThan(1.05);
    expect(lossAfter({ pixelMean: 0.5, pixelStd: 0.25 })).toBeLessThan(0.9);
    expect(await warnings()).toHaveLength(1);
  });

  describe('what is warned of', () => {
    const IMAGE = { width: 20, height: 16, data: new Uint8Array(20 * 16 * 3) };
    IMAGE.data.forEach((_, i, data) => (data[i] = (i * 7919) % 256));
    const RECORD = { inputSize: [16, 16] as const, crop: 'squash' as const };
    const OWN = { inputShape: [16, 16, 3], pixelMean: [0.485, 0.456, 0.406], pixelStd: 0.23 };

    test.each<[string, (model: tf.LayersModel, x: tf.Tensor) => unknown]>([
      ['predict', (model, x) => tf.tidy(() => void model.predict(x))],
      ['apply', (model, x) => tf.tidy(() => void model.apply(x))],
      [
        'fit',
        async (model, x) => {
          const y = tf.zeros([x.shape[0] as number, 3]);
          await model.fit(x, y, { epochs: 2, batchSize: 1, verbose: 0 });
          y.dispose();
        },
      ],
    ])('images that preprocess() has normalised, once: %s', async (_, use) => {
      const model = pixelClassifier(OWN);
      model.compile({ optimizer: tf.train.sgd(0.1), loss: 'meanSquaredError' });
      const x = preprocess([IMAGE, IMAGE], RECORD);
      const syncRead = jest.spyOn(tf.Tensor.prototype, 'dataSync');
      // The second time all that an optimizer makes is there.
      for (let i = 0; i < 2; i++) await use(model, x);
      await expectNoLeak(() => use(model, x));
      // Alphas are variables, and read for another reason.
      expect(syncRead.mock.contexts.filter((t) => !(t instanceof tf.Variable))).toEqual([]);
      syncRead.mockRestore();
      expect(await warnings()).toEqual([
        expect.stringMatching(
          /^RevColBackbone: the first images were normalised by preprocess\(\).*again, by pixelMean \[0.485/,
        ),
      ]);
      tf.dispose([x, ...model.weights.map((w) => w.read())]);
    });

    test('a grey image, too, whose normalised values lie in 0..1', async () => {
      const model = pixelClassifier(OWN);
      const grey = { width: 16, height: 16, data: new Uint8Array(16 * 16 * 3).fill(128) };
      const x = preprocess(grey, RECORD);
      tf.tidy(() => void model.predict(x));
      expect(await warnings()).toHaveLength(1);
      tf.dispose([x, ...model.weights.map((w) => w.read())]);
    });

    const RANGES: [string, number[], number, number, RegExp | null][] = [
      ['pixels as meant', [0.5, 0.5, 0.5], 0, 1, null],
      ['resized sharply', [0.5, 0.5, 0.5], -0.05, 1.05, null],
      ['bytes as meant', [120, 115, 100], 0, 255, null],
      [
        'normalised by hand',
        [0.5, 0.5, 0.5],
        -2,
        2,
        /values from -2 to 2.*as of pixels in 0\.\.1; pixels have none below 0/,
      ],
      ['bytes, where 0..1 is meant', [0.5, 0.5, 0.5], 0, 255, /to 255.*the same units/],
      ['0..1, where bytes are meant', [120, 115, 100], 0, 1, /in 0\.\.255; give.*the same units/],
      ['values that are no pixels', [0, -1, 3], -40, 40, null],
    ];
    test.each(RANGES)('%s', async (_, pixelMean, least, most, message) => {
      const model = pixelClassifier({ ...OWN, pixelMean });
      const unit = pixels([1, 16, 16, 3], 3);
      const x = tf.tidy(() => {
        const from = tf.sub(unit, tf.min(unit));
        return tf.add(tf.mul(tf.div(from, tf.max(from)), most - least), least);
      });
      // Warming up with zeros tells nothing.
      tf.tidy(() => void model.predict(tf.zeros([1, 16, 16, 3])));
      await warnings();
      for (let i = 0; i < 2; i++) tf.tidy(() => void model.predict(x));
      expect(await warnings()).toEqual(message ? [expect.stringMatching(message)] : []);
      tf.dispose([unit, x, ...model.weights.map((w) => w.read())]);
    });

    const SIGNS: [
      string,
      number,
      RevColBackboneArgs,
      (x: tf.Tensor) => tf.Tensor,
      RegExp | null,
    ][] = [
      [
        '0..1, grey',
        1,
        {},
        (x) => x,
        /^RevColStem: .*values from [0-9.e-]+ to .* all of one sign.*0\.5 and 0\.25/,
      ],
      ['0..1, RGB', 3, {}, (x) => x, /all of one sign/],
      ['0..255', 3, {}, (x) => tf.mul(x, 255), /127\.5 and 64/],
      ['below 0', 3, {}, (x) => tf.sub(x, 1), /all of one sign/],
      ['centred', 3, {}, (x) => tf.sub(x, 0.5), null],
      ['normalised by the model', 3, { pixelMean: 0.5, pixelStd: 0.25 }, (x) => x, null],
      [
        'divided by the model, but not centred',
        3,
        { pixelStd: 0.25 },
        (x) => x,
        /^RevColStem: pixelMean \[0, 0, 0\] and pixelStd \[0\.25.* all of one sign.*as pixelMean$/,
      ],
      ['zeros', 3, {}, (x) => tf.zerosLike(x), null],
      ['features, no images', 5, {}, (x) => x, null],
    ];
    test.each(SIGNS)(
      'training on images of one sign: %s',
      async (_, channels, args, of, message) => {
        const model = pixelClassifier(args, channels);
        const x = tf.tidy(() => of(pixels([2, SIDE, SIDE, channels], 9)));
        const optimizer = tf.train.sgd(0.1);
        tf.tidy(() => void model.predict(x));
        expect(await warnings()).toEqual([]);
        const step = () =>
          tf.tidy(() => void trainingStep(model, optimizer, x, (y) => tf.mean(tf.square(y))));
        step();
        await expectNoLeak(step);
        const found = await warnings();
        expect(found).toEqual(message ? [expect.stringMatching(message)] : []);
        model.dispose();
        optimizer.dispose();
        x.dispose();
      },
    );

    test.each([
      ['in training', true],
      ['used before it is trained', false],
    ])('wrong units, of which nothing more is said: %s', async (_, atOnce) => {
      const model = pixelClassifier({
        inputShape: [SIDE, SIDE, 3],
        pixelMean: 127.5,
        pixelStd: 64,
      });
      const x = pixels([2, SIDE, SIDE, 3], 9);
      const optimizer = tf.train.sgd(0.1);
      if (!atOnce) tf.tidy(() => void model.predict(x));
      await warnings();
      const step = () =>
        tf.tidy(() => void trainingStep(model, optimizer, x, (y) => tf.mean(tf.square(y))));
      for (let i = 0; i < 2; i++) step();
      expect(await warnings()).toEqual([expect.stringMatching(/the same units$/)]);
      model.dispose();
      optimizer.dispose();
      x.dispose();
    });

    test('a loop that does not say that it trains, and a device that does not answer', async () => {
      const x = pixels([1, SIDE, SIDE, 1], 2);
      const gradient = (model: tf.LayersModel) =>
        tf.tidy(() => void tf.variableGrads(() => tf.sum(model.apply(x) as tf.Tensor)));
      const [model, other] = [pixelClassifier({}), pixelClassifier({})];
      gradient(model);
      expect(await warnings()).toHaveLength(1);
      const lost = jest
        .spyOn(tf.Tensor.prototype, 'data')
        .mockImplementation(() => Promise.reject(new Error('the context is lost')));
      await expectNoLeak(() => gradient(other));
      expect(await warnings()).toHaveLength(1);
      lost.mockImplementation(() => {
        throw new Error('the context is lost');
      });
      const third = pixelClassifier({});
      await expectNoLeak(() => gradient(third));
      lost.mockRestore();
      expect(await warnings()).toHaveLength(1);
      for (const m of [model, other, third]) m.dispose();
      x.dispose();
    });
  });
});

describe('options of pixels', () => {
  test.each<[RevColBackboneArgs, RegExp]>([
    [
      { pixelMean: NaN },
      /^RevColBackbone: pixelMean is NaN; expected finite numbers, one per channel/,
    ],
    [{ pixelMean: [0.5, Infinity, 0.5] }, /pixelMean is \[0\.5, Infinity, 0\.5\]/],
    [{ pixelMean: [] }, /pixelMean is \[\]/],
    [{ pixelMean: '0.5' as unknown as number }, /pixelMean is '0\.5'/],
    [{ pixelStd: 0 }, /pixelStd is 0; expected numbers above 0/],
    [{ pixelStd: [0.2, -0.2, 0.2] }, /pixelStd is \[0\.2, -0\.2, 0\.2\]/],
    [{ pixelMean: [0.5, 0.5, 0.5], pixelStd: [1] }, /pixelMean has 3 values and pixelStd 1/],
    [
      { pixelMean: [0.5] },
      /pixelMean has 1 value, but .* has 3 channels; give 3, or a number for all/,
    ],
    [{ pixelStd: [1, 1, 1, 1] }, /pixelStd has 4 values, but the input of shape \[null, 8, 8, 3\]/],
  ])('%j', async (options, message) => {
    await expectNoLeak(() => {
      const apply = () =>
        layers.revColBackbone({ ...SMALL, ...options }).apply(tf.input({ shape: [8, 8, 3] }));
      expect(apply).toThrow(message);
    });
  });

  test('are for images', () => {
    const backbone = layers.revColBackbone({
      channels: [4, 4],
      depths: [1, 1],
      stem: layers.tokenEmbedding({ inputDim: 9, outputDim: 4 }),
      block: layers.transformerEncoderBlock({ numHeads: 2 }),
      pixelMean: 0.5,
    });
    expect(() => backbone.apply(tf.input({ shape: [7] }))).toThrow(/shape \[null, 7\] is no image/);
  });

  test('createModel and createVitModel pass them on', () => {
    const options = { pixelMean: [0.5], pixelStd: [0.25], depths: [1, 1], columns: 1 };
    const models = [
      createModel('revcol_tiny', { ...options, inputShape: [32, 32, 1], channels: [4, 6] }),
      createModel('revcol_vit_small', { ...options, inputShape: [32, 32, 1], channels: [8, 8] }),
      createVitModel('revcol_vit_small', { ...options, inputShape: [32, 32, 1], channels: [8, 8] }),
    ];
    for (const model of models) {
      const expected = { pixelMean: [0.5], pixelStd: [0.25] };
      expect(model.getLayer('backbone').getConfig()).toMatchObject(expected);
      tf.tidy(() => {
        const backbone = model.getLayer('backbone') as RevColBackbone;
        const constant = (value: number) => tf.fill([1, 32, 32, 1], value);
        // The mean itself is nothing to the stem.
        const [mean, other] = [0.5, 0.75].map((v) => backbone.apply(constant(v)) as tf.Tensor);
        expect(() => expectClose(mean as tf.Tensor, other as tf.Tensor, 1e-3)).toThrow();
      });
      model.dispose();
    }
    expect(() => createModel('revcol_tiny', { pixelMean: [0.5, 0.5] })).toThrow(/2 values/);
  });
});
