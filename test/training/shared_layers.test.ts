/** Models that list a weight several times: of a layer that stands both in a nested model and outside. */
import * as tf from '@tensorflow/tfjs';

import {
  accumulatedStep,
  AdamW,
  addAdapters,
  Ema,
  layerDecayGroups,
  layers,
  Lion,
  loadAdapters,
  loadTraining,
  openCheckpoint,
  saveAdapters,
  saveTraining,
  scaleHeads,
  SGD,
  trainingStep,
} from 'tfjs-revcol';
import { describeBackends, expectClose, expectNoLeak } from '../support/backends';
import { normalTensor } from '../support/training_step';

const loss = (y: tf.Tensor | tf.Tensor[]) => tf.mean(tf.square(y as tf.Tensor)) as tf.Scalar;

const drawn = (seed: number) => tf.initializers.glorotUniform({ seed });

/** `head(shared(shared(x)))`, the second of which is in a model of its own where nested. */
function model(isNested: boolean): tf.LayersModel {
  const shared = tf.layers.dense({ units: 3, kernelInitializer: drawn(1) });
  const head = tf.layers.dense({ units: 2, kernelInitializer: drawn(2) });
  const inputs = tf.input({ shape: [3] });
  const hidden = shared.apply(inputs) as tf.SymbolicTensor;
  let again: tf.layers.Layer = shared;
  if (isNested) {
    const own = tf.input({ shape: [3] });
    again = tf.model({ inputs: own, outputs: shared.apply(own) as tf.SymbolicTensor });
  }
  const outputs = head.apply(again.apply(hidden)) as tf.SymbolicTensor;
  return tf.model({ inputs, outputs });
}

/** The values of its weights, each once. */
const values = (of: tf.LayersModel) =>
  [...new Set(of.weights)].map((weight) => [...weight.read().dataSync()]);

/** What a model that holds itself again frees: layers are counted once for each place. */
function free(...all: tf.LayersModel[]): void {
  for (const weight of new Set(all.flatMap((m) => m.weights))) weight.dispose();
}

describeBackends('a layer that stands in a nested model and outside', () => {
  let x: tf.Tensor;
  beforeEach(() => (x = normalTensor([4, 3], 1)));
  afterEach(() => x.dispose());

  const makers: [string, () => tf.Optimizer][] = [
    ['SGD', () => new SGD({ learningRate: 0.1, momentum: 0.9 })],
    ['SGD, fused', () => new SGD({ learningRate: 0.1, fused: true })],
    ['AdamW', () => new AdamW({ learningRate: 0.1 })],
    ['Lion', () => new Lion({ learningRate: 0.1 })],
    ['tf.train.sgd', () => tf.train.sgd(0.1)],
    ['tf.train.adam', () => tf.train.adam(0.1)],
  ];

  test.each(makers)('takes the steps of the flat model, with %s', async (name, make) => {
    await expectNoLeak(() => {
      const isFused = name.includes('fused');
      const [nested, flat] = [model(true), model(false)];
      expect(nested.trainableWeights.length).toBeGreaterThan(flat.trainableWeights.length);
      const [first, second] = [make(), make()];
      const options = isFused ? {} : { clipNorm: 0.5 };
      for (let n = 0; n < 2; n++) {
        trainingStep(nested, first, x, loss, options).dispose();
        trainingStep(flat, second, x, loss, options).dispose();
        if (isFused) continue;
        const parts = { ...options, microBatch: 3 };
        accumulatedStep(nested, first, x, x, loss, parts).dispose();
        accumulatedStep(flat, second, x, x, loss, parts).dispose();
      }
      expectClose(values(nested).flat(), values(flat).flat(), 1e-5);
      free(nested, flat);
      for (const optimizer of [first, second]) optimizer.dispose();
    });
  });

  test('has one average of each weight: swaps to the bit, in fit and in saved training', async () => {
    await expectNoLeak(async () => {
      const make = () => {
        const made = model(true);
        return {
          model: made,
          optimizer: new SGD({ learningRate: 0.1 }),
          ema: new Ema(made, { decay: 0.5 }),
        };
      };
      const [training, other] = [make(), make()];
      trainingStep(training.model, training.optimizer, x, loss).dispose();
      training.ema.update();
      const names = (await training.ema.getWeights()).map(({ name }) => name);
      expect(names).toHaveLength(5);
      expect(new Set(names).size).toBe(5);
      const averages = async (ema: Ema) =>
        (await ema.getWeights()).slice(1).map(({ tensor }) => [...tensor.dataSync()]);
      const own = values(training.model);
      const averaged = await averages(training.ema);
      expect(averaged).not.toEqual(own);
      training.ema.apply();
      expect(values(training.model)).toEqual(averaged);
      training.ema.restore();
      expect(values(training.model)).toEqual(own);
      const blob = await saveTraining(null, { ...training, step: 1 });
      await loadTraining(blob, other);
      expect(values(other.model)).toEqual(own);
      expect(await averages(other.ema)).toEqual(averaged);
      const sgd = tf.train.sgd(0.1);
      other.model.compile({ optimizer: sgd, loss: 'meanSquaredError' });
      const y = tf.zeros([4, 2]);
      await other.model.fit(x, y, { verbose: 0, batchSize: 2, callbacks: [other.ema.callback()] });
      expect(other.ema.updates).toBe(3);
      y.dispose();
      for (const { ema, optimizer, model: of } of [training, other]) {
        ema.dispose();
        optimizer.dispose();
        free(of);
      }
      sgd.dispose();
    });
  });
});

test('adapters of it, and what is trained beside them, are saved once', async () => {
  await tf.setBackend('cpu');
  const [nested, other] = [model(true), model(true)];
  for (const each of [nested, other]) addAdapters(each, { rank: 1 });
  for (const layer of nested.layers) {
    if (layer.getClassName() !== 'Dense') continue;
    for (const weight of layer.weights) {
      weight.trainable = true;
      weight.write(normalTensor(weight.shape as number[], 5));
    }
  }
  const blob = await saveAdapters(nested);
  const names = [...(await openCheckpoint(blob)).entries.keys()];
  expect(names.filter((name) => /kernel|bias|lora_a/.test(name)).sort()).toEqual(
    [0, 1].flatMap((i) => ['bias', 'kernel', 'lora_a'].map((name) => `dense-${i}/${name}`)),
  );
  await loadAdapters(other, blob);
  const x = normalTensor([4, 3], 1);
  expectClose(other.apply(x) as tf.Tensor, nested.apply(x) as tf.Tensor, 1e-6);
  free(nested, other);
});

test('weights that stand in two places are scaled and named once', async () => {
  await tf.setBackend('cpu');
  const nested = model(true);
  const head = nested.layers[nested.layers.length - 1] as tf.layers.Layer;
  const before = [...(head.getWeights()[0] as tf.Tensor).dataSync()];
  scaleHeads(nested, { scale: 0.5, layers: [head.name, head.name] });
  expectClose(
    head.getWeights()[0] as tf.Tensor,
    before.map((value) => value / 2),
    1e-6,
  );
  free(nested);

  const classes = layers.revColHead({ units: 2, name: 'head' });
  const inputs = tf.input({ shape: [8, 8, 3] });
  const backbone = layers.revColBackbone({
    ...{ channels: [4, 4], depths: [1, 1], columns: 2, patchSize: 2, name: 'backbone' },
  });
  const features = backbone.apply(inputs) as tf.SymbolicTensor;
  const inner = tf.input({ shape: features.shape.slice(1) });
  const first = classes.apply(features) as tf.SymbolicTensor;
  const again = tf.model({ inputs: inner, outputs: classes.apply(inner) as tf.SymbolicTensor });
  const outputs = [first, again.apply(features) as tf.SymbolicTensor];
  const twice = tf.model({ inputs, outputs });
  expect(twice.weights.length).toBeGreaterThan(new Set(twice.weights).size);
  expect(layerDecayGroups(twice)).toHaveLength(new Set(twice.weights).size);
  free(twice);
});
