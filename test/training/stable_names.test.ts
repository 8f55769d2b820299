/** Names in files of weights whose layers have the names that tfjs makes up, others in each model. */
import * as tf from '@tensorflow/tfjs';

import {
  AdamW,
  addAdapters,
  loadAdapters,
  loadTraining,
  openCheckpoint,
  saveAdapters,
  saveTraining,
  trainingStep,
} from 'tfjs-revcol';
import { normalTensor } from '../support/training_step';

type Symbolic = tf.SymbolicTensor;

class OwnModel extends tf.LayersModel {
  static override className = 'OwnModel2';
}
tf.serialization.registerClass(OwnModel);

const dense = (units: number) => tf.layers.dense({ units });

const functional = (cls: typeof tf.LayersModel, of: () => tf.layers.Layer): tf.LayersModel => {
  const inputs = tf.input({ shape: [4] });
  const name = `made_up_by_the_test`;
  const outputs = of().apply(inputs) as Symbolic;
  return cls === tf.LayersModel
    ? tf.model({ inputs, outputs })
    : new cls({ inputs, outputs, name });
};

const MODELS: Record<string, () => tf.LayersModel> = {
  'dense layers': () => tf.sequential({ layers: [dense(4), dense(3)].map(first([4])) }),
  'a dense layer with a name': () =>
    tf.sequential({ layers: [tf.layers.dense({ units: 3, inputShape: [4], name: 'Own_1' })] }),
  'nested sequential models': () =>
    tf.sequential({
      layers: [
        tf.sequential({ layers: [dense(4), tf.layers.batchNormalization()].map(first([4])) }),
        tf.sequential({ layers: [dense(4), dense(2)].map(first([4])) }),
      ],
    }),
  'nested functional models, twice': () => {
    const inner = () => functional(tf.LayersModel, () => dense(4));
    const middle = () => functional(tf.LayersModel, inner);
    const inputs = tf.input({ shape: [4] });
    const hidden = middle().apply(middle().apply(inputs)) as Symbolic;
    return tf.model({ inputs, outputs: dense(2).apply(hidden) as Symbolic });
  },
  'models of a class of their own': () =>
    functional(tf.LayersModel, () => functional(OwnModel, () => dense(4))),
  'layers in layers': () =>
    tf.sequential({
      layers: [
        tf.layers.bidirectional({
          layer: tf.layers.lstm({ units: 3, returnSequences: true }) as tf.RNN,
          inputShape: [4, 2],
          mergeMode: 'concat',
        }),
        tf.layers.rnn({
          cell: [tf.layers.lstmCell({ units: 3 }), tf.layers.gruCell({ units: 2 })],
          returnSequences: true,
        }),
        tf.layers.timeDistributed({ layer: dense(3) }),
        dense(2),
      ],
    }),
};

/** Gives the first of a model's layers a shape to begin with. */
function first(shape: number[]) {
  return (layer: tf.layers.Layer, i: number) => {
    if (i === 0) layer.batchInputShape = [null, ...shape];
    return layer;
  };
}

beforeEach(() => tf.setBackend('cpu'));

const keysOf = async (blob: Blob) => [...(await openCheckpoint(blob)).entries.keys()].sort();

describe.each(Object.entries(MODELS))('%s', (_, make) => {
  test.each([false, true])(
    'are saved and loaded in a model built anew, adapters %s',
    async (on) => {
      const start = () => {
        const model = make();
        if (on) addAdapters(model, { rank: 1 });
        return { model, optimizer: new AdamW({ learningRate: 0.1 }) };
      };
      const [training, other] = [start(), start()];
      expect(other.model.weights.map((w) => w.name)).not.toEqual(
        training.model.weights.map((w) => w.name),
      );
      const x = normalTensor(
        [2, ...(training.model.inputs[0] as Symbolic).shape.slice(1)] as number[],
        1,
      );
      const loss = (y: tf.Tensor | tf.Tensor[]) => tf.mean(tf.square(y as tf.Tensor)) as tf.Scalar;
      trainingStep(training.model, training.optimizer, x, loss).dispose();
      const blob = await saveTraining(null, { ...training, step: 1 });
      await loadTraining(blob, other);
      const values = (of: tf.LayersModel) => of.getWeights().map((w) => [...w.dataSync()]);
      expect(values(other.model)).toEqual(values(training.model));
      expect(await keysOf(await saveTraining(null, { ...other, step: 1 }))).toEqual(
        await keysOf(blob),
      );
      if (on) {
        // Onto a model without any, whose base is that of the file.
        const plain = make();
        const bare = await keysOf(
          await saveTraining(null, { model: plain, optimizer: new AdamW(), step: 0 }),
        );
        const base = (await keysOf(blob)).filter((k) => /^model\/(?!.*lora)/.test(k));
        expect(base).toEqual(bare.filter((k) => k.startsWith('model/')));
        const adapters = await saveAdapters(training.model);
        await loadAdapters(other.model, adapters);
        expect(await keysOf(await saveAdapters(other.model))).toEqual(await keysOf(adapters));
      }
    },
  );
});

test('adapters find what they are to change by numbers of places and by names of layers', () => {
  const make = () =>
    tf.sequential({
      layers: [
        tf.sequential({ layers: [dense(3)].map(first([3])), name: 'model1' }),
        tf.sequential({ layers: [dense(3)].map(first([3])) }),
      ],
    });
  const adapted = (model: tf.LayersModel, target: string) => {
    addAdapters(model, { rank: 1, targets: [target] });
    const names = model.trainableWeights.map(({ originalName }) => originalName);
    return names.filter((name) => name.endsWith('lora_a'));
  };
  expect(adapted(make(), 'sequential-0')).toEqual(['sequential-0/dense-0/lora_a']);
  const model = make();
  expect(adapted(model, (model.layers[1] as tf.layers.Layer).name)).toEqual([
    'sequential-0/dense-0/lora_a',
  ]);
  expect(adapted(make(), 'model1')).toEqual(['model1/dense-0/lora_a']);
});

test('nested models are numbered by their places, and keep names of their own', async () => {
  const model = tf.sequential({
    layers: [
      MODELS['dense layers']?.() as tf.LayersModel,
      tf.sequential({ layers: [dense(3)].map(first([3])), name: 'tail' }),
      tf.sequential({ layers: [dense(3)].map(first([3])) }),
      functional(tf.LayersModel, () => dense(4)),
    ].slice(0, 3),
  });
  const keys = await keysOf(await saveTraining(null, { model, optimizer: new AdamW(), step: 0 }));
  expect(keys.filter((k) => /^model\/.*kernel$/.test(k))).toEqual([
    'model/sequential-0/dense-0/kernel',
    'model/sequential-0/dense-1/kernel',
    'model/sequential-1/dense-0/kernel',
    'model/tail/dense-0/kernel',
  ]);
});
