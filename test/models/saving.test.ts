/** model.save and tf.loadLayersModel: the same predictions, and the same training afterwards. */
import 'tfjs-revcol/node';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';

import { createModel, layers, type RevColBackboneArgs } from 'tfjs-revcol';
import { seededRandom } from '../../src/ops/engine/random';
import { OwnBlock, OwnFusion } from '../layers/own_layers';
import { describeBackends, expectClose, expectNoLeak } from '../support/backends';
import { normalTensor, randomizeWeights } from '../support/training_step';

const SMALL: RevColBackboneArgs = { columns: 3, channels: [4, 6], depths: [1, 1], patchSize: 2 };
const IMAGE: [number, number, number] = [8, 8, 3];

/** Saves a model, and gives what loads it. */
type Save = (model: tf.LayersModel) => Promise<() => Promise<tf.LayersModel>>;

const inMemory: Save = async (model) => {
  let saved: tf.io.ModelArtifacts | undefined;
  const handler = tf.io.withSaveHandler(async (artifacts) => {
    saved = artifacts;
    return { modelArtifactsInfo: tf.io.getModelArtifactsInfoForJSON(artifacts) };
  });
  await model.save(handler, { includeOptimizer: true });
  // What reaches a file is text.
  const { weightData, ...rest } = saved as tf.io.ModelArtifacts;
  const copy = JSON.parse(JSON.stringify(rest)) as tf.io.ModelArtifacts;
  return () => tf.loadLayersModel(tf.io.fromMemory({ ...copy, weightData }));
};

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-saving-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));

const asFiles: Save = async (model) => {
  await model.save(`file://${folder}/model`, { includeOptimizer: true });
  return () => tf.loadLayersModel(`file://${folder}/model/model.json`);
};

function sequential(args: RevColBackboneArgs, inputShape: number[]): tf.LayersModel {
  return tf.sequential({
    layers: [layers.revColBackbone({ ...args, inputShape }), layers.revColHead({ units: 2 })],
  });
}

function twoBackbones(): tf.LayersModel {
  const image = tf.input({ shape: IMAGE });
  const features = [4, 5].map(
    (top) =>
      layers.revColBackbone({ ...SMALL, channels: [4, top] }).apply(image) as tf.SymbolicTensor,
  );
  const both = tf.layers.concatenate().apply(features);
  return tf.model({
    inputs: image,
    outputs: layers.revColHead({ units: 2 }).apply(both) as tf.SymbolicTensor,
  });
}

function nestedBlocks(): tf.LayersModel {
  const block = tf.sequential({
    layers: [
      tf.layers.dense({ units: 7, activation: 'tanh', inputShape: [5] }),
      tf.layers.dense({ units: 5 }),
    ],
  });
  const args = { columns: 3, channels: [5, 5], depths: [1, 1], anchorEvery: Infinity, block };
  const model = sequential(args, [3]);
  block.dispose();
  return model;
}

/** Models, each of inputs of one shape. */
const MODELS: Record<string, () => tf.LayersModel> = {
  'in tf.sequential, with stochastic depth': () =>
    sequential({ ...SMALL, dropPathRate: 0.4, topFusion: true }, IMAGE),
  'two in one model': twoBackbones,
  'blocks and fusions of a class of the user': () =>
    sequential({ ...SMALL, channels: [5, 5], block: new OwnBlock(), fusion: new OwnFusion() }, [3]),
  'blocks that are models, and no anchors': nestedBlocks,
  'frozen columns': () => {
    const model = sequential(SMALL, IMAGE);
    const backbone = model.layers[0] as ReturnType<typeof layers.revColBackbone>;
    backbone.columnLayers.slice(0, 2).forEach((column) => (column.trainable = false));
    backbone.stem.trainable = false;
    return model;
  },
  createModel: () =>
    createModel('revcol_tiny', {
      columns: 4,
      channels: [4, 6],
      depths: [1, 1],
      patchSize: 2,
      inputShape: IMAGE,
      numClasses: 2,
    }),
};

function compile(model: tf.LayersModel): void {
  model.compile({ optimizer: 'adam', loss: 'meanSquaredError' });
}

function sampleOf(model: tf.LayersModel): [x: tf.Tensor, y: tf.Tensor] {
  const shape = (model.inputs[0] as tf.SymbolicTensor).shape.slice(1) as number[];
  return [normalTensor([4, ...shape], 1), normalTensor([4, 2], 2)];
}

/** Losses of some steps, with the same randomness in every call. */
async function train(model: tf.LayersModel, steps: number): Promise<number[]> {
  const [x, y] = sampleOf(model);
  const losses: number[] = [];
  const original = Math.random;
  try {
    for (let i = 0; i < steps; i++) {
      Math.random = seededRandom(i);
      losses.push((await model.trainOnBatch(x, y)) as number);
    }
  } finally {
    Math.random = original;
  }
  tf.dispose([x, y]);
  return losses;
}

function predictionOf(model: tf.LayersModel): Float32Array {
  return tf.tidy(() => {
    const prediction = model.predict(sampleOf(model)[0]) as tf.Tensor;
    return Float32Array.from(prediction.dataSync());
  });
}

// In jest the arrays of tensorflow's addon are of another realm, which tfjs refuses to save.
describeBackends(
  'a saved model',
  () => {
    // Every other one as files: what differs is tested with the handler.
    const cases = Object.entries(MODELS).map(
      ([title, make], i): [string, string, () => tf.LayersModel, Save] =>
        i % 2 === 0 ? [title, 'as files', make, asFiles] : [title, 'in memory', make, inMemory],
    );
    test.each(cases)('%s, %s', async (_title, _how, make, save) => {
      const model = make();
      randomizeWeights(model.weights, 3);
      compile(model);
      await train(model, 2);
      const load = await save(model);
      await expectNoLeak(async () => {
        const unused = await load();
        unused.optimizer.dispose();
        unused.dispose();
      });
      const loaded = await load();
      expect(loaded.weights.map((w) => [w.originalName, w.shape])).toEqual(
        model.weights.map((w) => [w.originalName, w.shape]),
      );
      expect(predictionOf(loaded)).toEqual(predictionOf(model));
      expect(loaded.trainableWeights.map((w) => w.originalName)).toEqual(
        model.trainableWeights.map((w) => w.originalName),
      );
      // tfjs keeps Adam's moments and its count of steps, so training goes on as if nothing happened.
      const [expected, got] = [await train(model, 3), await train(loaded, 3)];
      expectClose(got, expected, 1e-5, 'losses');
      expectClose(predictionOf(loaded), predictionOf(model), 1e-5, 'predictions');
      for (const m of [model, loaded]) {
        m.optimizer.dispose();
        m.dispose();
      }
    });

    test('of two backbones, neither takes the weights of the other', async () => {
      const model = twoBackbones();
      const names = model.weights.map((w) => w.originalName);
      expect(new Set(names).size).toBe(names.length);
      randomizeWeights(model.weights, 3);
      const loaded = await (await inMemory(model))();
      model.weights.forEach((w, i) => {
        const same = loaded.weights[i] as tf.LayerVariable;
        expect(same.read().dataSync()).toEqual(w.read().dataSync());
      });
      model.dispose();
      loaded.dispose();
    });
  },
  { except: ['tensorflow'] },
);
