/** Losses that a saved model still has when it is loaded. */
import * as tf from '@tensorflow/tfjs';

import {
  AdamW,
  compoundLoss,
  createModel,
  registerLoss,
  sigmoidCrossEntropyLoss,
  softmaxCrossEntropyLoss,
} from 'tfjs-revcol';
import { describeBackends, expectNoLeak } from '../support/backends';
import { normalTensor } from '../support/training_step';

type Loss = tf.ModelCompileArgs['loss'];

/** Saved and loaded as text and bytes, as files hold them. */
async function reloaded(model: tf.LayersModel): Promise<tf.LayersModel> {
  let saved: tf.io.ModelArtifacts | undefined;
  const handler = tf.io.withSaveHandler(async (artifacts) => {
    saved = artifacts;
    return { modelArtifactsInfo: tf.io.getModelArtifactsInfoForJSON(artifacts) };
  });
  await model.save(handler, { includeOptimizer: true });
  const { weightData, ...rest } = saved as tf.io.ModelArtifacts;
  const copy = JSON.parse(JSON.stringify(rest)) as tf.io.ModelArtifacts;
  return tf.loadLayersModel(tf.io.fromMemory({ ...copy, weightData }));
}

const weightsOf = (model: tf.LayersModel) => model.getWeights().flatMap((w) => [...w.dataSync()]);

const focal = (labels: tf.Tensor, logits: tf.Tensor): tf.Tensor => {
  const p = tf.softmax(logits);
  return tf.neg(tf.sum(tf.mul(tf.mul(labels, tf.square(tf.sub(1, p))), tf.log(p)), -1));
};
registerLoss('focalLoss', focal);

// Saving keeps its realm on these.
describeBackends(
  'a saved loss',
  () => {
    let x: tf.Tensor;
    let y: tf.Tensor;
    beforeEach(() => {
      x = normalTensor([6, 4], 1);
      y = tf.tidy(() => tf.cast(tf.oneHot([0, 2, 1, 1, 2, 0], 3), 'float32'));
    });
    afterEach(() => tf.dispose([x, y]));

    const dense = () => {
      const layer = tf.layers.dense({ units: 3, inputShape: [4] });
      return { sequential: () => tf.sequential({ layers: [layer] }), layer };
    };
    const functional = () => {
      const input = tf.input({ shape: [4] });
      const output = tf.layers.dense({ units: 3, name: 'logits' }).apply(input);
      return tf.model({ inputs: input, outputs: output as tf.SymbolicTensor });
    };

    const cases: [string, () => tf.LayersModel, Loss][] = [
      ['a function', functional, softmaxCrossEntropyLoss({ labelSmoothing: 0.1, weight: 0.5 })],
      [
        'a function, sequential',
        () => dense().sequential(),
        sigmoidCrossEntropyLoss({ weight: 2 }),
      ],
      ['a name', functional, 'softmaxCrossEntropy'],
      ['a list', functional, [softmaxCrossEntropyLoss({ labelSmoothing: 0.25 })]],
      ['by output', functional, { logits: 'sigmoidCrossEntropy' }],
      ["a function of one's own", functional, focal],
      ["the name of one's own", () => dense().sequential(), 'focalLoss'],
      ["one of tfjs's own", functional, 'meanSquaredError'],
    ];

    test.each(cases)('%s: training goes on as if it had not been saved', async (_, make, loss) => {
      await expectNoLeak(async () => {
        const model = make();
        model.compile({ optimizer: new AdamW({ learningRate: 0.1 }), loss });
        const step = async (m: tf.LayersModel) => (await m.trainOnBatch(x, y)) as number;
        await step(model);
        const loaded = await reloaded(model);
        expect(weightsOf(loaded)).toEqual(weightsOf(model));
        const [first, second] = [await step(model), await step(loaded)];
        expect(second).toBe(first);
        expect(weightsOf(loaded)).toEqual(weightsOf(model));
        // And once more: a loaded model is saved with its loss, too.
        const again = await reloaded(loaded);
        expect(await step(again)).toBe(await step(model));
        for (const m of [model, loaded, again]) {
          m.optimizer.dispose();
          m.dispose();
        }
      });
    });

    test('the compound loss, with all its weights', async () => {
      await expectNoLeak(async () => {
        const model = createModel('revcol_tiny', {
          inputShape: [32, 32, 3],
          channels: [2, 2, 2, 2],
          depths: [1, 1, 1, 1],
          numClasses: 3,
          intermediateSupervision: true,
        });
        const std = [0.2, 0.3, 0.25];
        const loss = compoundLoss({ imageWeight: 2.5, labelSmoothing: 0.1, mean: 0.5, std });
        model.compile({
          optimizer: new AdamW({ learningRate: 0.01 }),
          loss: loss.perOutput(model),
        });
        const loaded = await reloaded(model);
        const images = normalTensor([2, 32, 32, 3], 2);
        const labels = tf.tidy(() => tf.oneHot([0, 2], 3));
        const targets = loss.targets(model, labels, images);
        const values = [model, loaded].map((m) => {
          const scalars = m.evaluate(images, targets) as tf.Scalar[];
          const numbers = scalars.map((s) => s.dataSync()[0]);
          tf.dispose(scalars);
          return numbers;
        });
        expect(values[1]).toEqual(values[0]);
        tf.dispose([images, labels]);
        for (const m of [model, loaded]) {
          m.optimizer.dispose();
          m.dispose();
        }
      });
    });

    test('what is not known goes on to tfjs, and says so', () => {
      const model = functional();
      const optimizer = tf.train.sgd(0.1);
      expect(() => model.compile({ optimizer, loss: 'noSuchLoss' })).toThrow(
        'Unknown loss noSuchLoss',
      );
      expect(() => model.compile({ optimizer, loss: 'softmaxCrossEntropy{"weight":-1}' })).toThrow(
        'the options of the loss "softmaxCrossEntropy{\\"weight\\":-1}" are not those of softmaxCrossEntropy',
      );
      expect(() => model.compile({ optimizer, loss: 'softmaxCrossEntropy{oh}' })).toThrow(
        'are not those of softmaxCrossEntropy',
      );
      optimizer.dispose();
      model.dispose();
    });
  },
  { only: ['cpu', 'wasm'] },
);

test('names that tfjs would not give back, or that are taken, are refused', () => {
  for (const name of ['Focal', 'focal_loss', '', 'a b', 'aBC', 'mseOf_']) {
    expect(() => registerLoss(name, focal)).toThrow(/registerLoss: name is ".*"; expected letters/);
  }
  for (const name of ['meanSquaredError', 'softmaxCrossEntropy', 'focalLoss']) {
    expect(() => registerLoss(name, () => tf.scalar(0))).toThrow(
      `there is a loss "${name}" already; choose another name`,
    );
  }
  // The same once more, as when a module runs twice.
  expect(() => registerLoss('focalLoss', focal)).not.toThrow();
  expect(() => registerLoss('other', 5 as never)).toThrow('loss is 5; expected a function');
});
