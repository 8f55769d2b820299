/** AdamW with a layer of several weights of one name and shape, some of them frozen when it is saved. */
import * as tf from '@tensorflow/tfjs';

import { AdamW, layers, type RevColBackbone } from 'tfjs-revcol';
import { expectClose, useBackend } from '../support/backends';
import { normalTensor, randomizeWeights } from '../support/training_step';

/** Two dense layers as one: tfjs calls both kernels `.../kernel`, and numbers them. */
class Twins extends tf.layers.Layer {
  static className = 'TestTwins';
  readonly parts = [0, 1].map(() => tf.layers.dense({ units: 3, useBias: false }));

  override build(shape: tf.Shape) {
    for (const part of this.parts) {
      part.build(shape);
      part.built = true;
    }
    this.built = true;
  }

  override get trainableWeights() {
    return (this.parts ?? []).flatMap((part) => part.trainableWeights);
  }

  override set trainableWeights(_) {}

  override get nonTrainableWeights() {
    return (this.parts ?? []).flatMap((part) => part.nonTrainableWeights);
  }

  override set nonTrainableWeights(_) {}

  override call(inputs: tf.Tensor | tf.Tensor[]) {
    const x = [inputs].flat()[0] as tf.Tensor;
    return tf.tidy(() => this.parts.reduce((u, part) => tf.tanh(part.apply(u) as tf.Tensor), x));
  }
}
tf.serialization.registerClass(Twins);

const x = () => normalTensor([4, 3], 1);
const y = () => normalTensor([4, 3], 2);

async function steps(model: tf.LayersModel, count: number): Promise<void> {
  const [inputs, targets] = [x(), y()];
  for (let i = 0; i < count; i++) await model.trainOnBatch(inputs, targets);
  tf.dispose([inputs, targets]);
}

function freeze(model: tf.LayersModel, which: number, trainable: boolean): void {
  const [column] = (model.layers[0] as RevColBackbone).columnLayers;
  const layer = column?.functionLayers.find((part) => part instanceof Twins) as Twins;
  (layer.parts[which] as tf.layers.Layer).trainable = trainable;
  for (const part of layer.parts) {
    for (const w of part.weights) (w.read() as tf.Variable).trainable = part.trainable;
  }
  model.compile({ optimizer: model.optimizer as tf.Optimizer, loss: 'meanSquaredError' });
}

/** Trains, freezes one, trains, and goes on: as it is, or through a file whose numbers are others. */
async function history(frozen: number, renumber?: (n: number) => number): Promise<number[][]> {
  const backbone = { columns: 1, channels: [3, 3], depths: [1, 0], isotropic: true };
  let model: tf.LayersModel = tf.sequential({
    layers: [layers.revColBackbone({ ...backbone, inputShape: [3], block: new Twins({}) })],
  });
  randomizeWeights(model.weights, 3);
  const optimizer = new AdamW({ learningRate: 0.05, weightDecay: 0 });
  model.compile({ optimizer, loss: 'meanSquaredError' });
  await steps(model, 4);
  freeze(model, frozen, false);
  await steps(model, 1);
  if (renumber) {
    let saved = {} as tf.io.ModelArtifacts;
    const handler = tf.io.withSaveHandler(async (artifacts) => {
      saved = artifacts;
      return { modelArtifactsInfo: tf.io.getModelArtifactsInfoForJSON(artifacts) };
    });
    await model.save(handler, { includeOptimizer: true });
    let lowest = Infinity;
    const numberOf = (name: string) => Number(/kernel(?:_(\d+))?\/[mv]$/.exec(name)?.[1] ?? 0);
    const states = (saved.weightSpecs ?? []).filter(({ name }) =>
      /kernel(_\d+)?\/[mv]$/.test(name),
    );
    for (const { name } of states) lowest = Math.min(lowest, numberOf(name));
    for (const spec of states) {
      const number = renumber(numberOf(spec.name) - lowest);
      spec.name = spec.name.replace(
        /kernel(_\d+)?\//,
        number > 0 ? `kernel_${number}/` : 'kernel/',
      );
    }
    const loaded = await tf.loadLayersModel(tf.io.fromMemory(saved));
    model.optimizer.dispose();
    model.dispose();
    model = loaded;
    freeze(model, frozen, false);
  }
  await steps(model, 2);
  freeze(model, frozen, true);
  await steps(model, 2);
  const values = model.weights.map((w) => [...w.read().dataSync()]);
  model.optimizer.dispose();
  model.dispose();
  return values;
}

beforeAll(() => useBackend('cpu'));

test.each([0, 1])('the one that is frozen, and the other, keep their own: %d', async (frozen) => {
  const whole = await history(frozen);
  // The loaded model's kernels have numbers that other tests decide: try all around them.
  for (let first = 0; first < 12; first++) {
    const resumed = await history(frozen, (n) => first + n);
    resumed.forEach((w, i) => expectClose(w, whole[i] as number[], 1e-5, `first ${first}`));
  }
});
