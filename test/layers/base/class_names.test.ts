/** Classes of a user that have the name of one of the package's: both go on working, and are kept apart. */
import * as tf from '@tensorflow/tfjs';

import { ConvNextBlock, layers, LevelFusion, type RevColBackbone } from 'tfjs-revcol';
import { BACKENDS, useBackend } from '../../support/backends';
import { normalTensor, randomizeWeights } from '../../support/training_step';

type Layer = tf.layers.Layer;
type Args = { factor?: number };

function userClass(name: string) {
  return class extends tf.layers.Layer {
    static className = name;
    readonly factor: number;
    constructor(args: Args = {}) {
      super(args as object);
      this.factor = args.factor ?? 2;
    }
    override build(shape: tf.Shape | tf.Shape[]): void {
      const one = (Array.isArray(shape[0]) ? shape[0] : shape) as tf.Shape;
      this.addWeight('own', [one.at(-1) as number], 'float32', tf.initializers.ones());
      this.built = true;
    }
    override computeOutputShape(shape: tf.Shape | tf.Shape[]): tf.Shape {
      return (Array.isArray(shape[0]) ? shape[0] : shape) as tf.Shape;
    }
    override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
      const x = [inputs].flat()[0] as tf.Tensor;
      const [own] = this.weights as [tf.LayerVariable];
      return tf.tidy(() => tf.mul(tf.mul(x, own.read()), this.factor));
    }
    override getConfig(): tf.serialization.ConfigDict {
      return { ...super.getConfig(), factor: this.factor };
    }
  };
}

const UserBlock = userClass('ConvNextBlock');
const UserFusion = userClass('LevelFusion');
const SECOND = userClass('ConvNextBlock');

const backbone = (args = {}) =>
  layers.revColBackbone({
    inputShape: [8, 8, 4],
    columns: 2,
    channels: [4, 6],
    depths: [1, 1],
    patchSize: 2,
    ...args,
  });

function partsOf(model: tf.LayersModel): { fusion: Layer; block: Layer } {
  const [, column] = (model.layers.at(-1) as RevColBackbone).columnLayers;
  const [fusion, block] = column?.functionLayers as [Layer, Layer];
  return { fusion, block };
}

async function save(model: tf.LayersModel): Promise<tf.io.ModelArtifacts> {
  let saved: tf.io.ModelArtifacts | undefined;
  const handler = tf.io.withSaveHandler(async (artifacts) => {
    saved = artifacts;
    return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } };
  });
  await model.save(handler);
  return saved as tf.io.ModelArtifacts;
}

async function expectSame(saved: tf.io.ModelArtifacts, model: tf.LayersModel) {
  const loaded = await tf.loadLayersModel(tf.io.fromMemory(saved));
  const x = normalTensor([2, 8, 8, 4], 1);
  const [got, expected] = [loaded, model].map((m) => (m.predict(x) as tf.Tensor).dataSync());
  expect(got).toEqual(expected);
  return loaded;
}

/** With ours as templates, as the default, and as layers of the model itself. */
const ours = () =>
  tf.sequential({
    layers: [
      layers.convNextBlock({ inputShape: [8, 8, 4], kernelSize: 5 }),
      layers.levelFusion({ level: 0 }),
      backbone({ inputShape: undefined, block: layers.convNextBlock({ kernelSize: 5 }) }),
    ],
  });

/** The user's classes in the same places. */
const theirs = () =>
  tf.sequential({
    layers: [
      new UserBlock({ inputShape: [8, 8, 4], factor: 3 } as Args),
      new UserFusion({ factor: 0.5 }),
      backbone({ inputShape: undefined, block: new UserBlock({ factor: 3 }) }),
    ],
  });

beforeAll(() => useBackend(BACKENDS[0] as string));

test('both keep working and are told apart in saved models', async () => {
  const before = ours();
  randomizeWeights(before.weights, 2);
  const savedBefore = await save(before);
  tf.serialization.registerClass(UserBlock, 'my-app');
  tf.serialization.registerClass(UserFusion);

  const own = ours();
  randomizeWeights(own.weights, 3);
  const mine = theirs();
  randomizeWeights(mine.weights, 4);
  expect(own.layers[0]).toBeInstanceOf(ConvNextBlock);
  expect(partsOf(own).block).toBeInstanceOf(ConvNextBlock);
  expect(partsOf(own).fusion).toBeInstanceOf(LevelFusion);
  expect(partsOf(mine).block).toBeInstanceOf(UserBlock);
  expect(partsOf(mine).fusion).toBeInstanceOf(LevelFusion);

  for (const [saved, model] of [
    [savedBefore, before],
    [await save(own), own],
  ] as const) {
    const loaded = await expectSame(saved, model);
    expect(loaded.layers[0]).toBeInstanceOf(ConvNextBlock);
    expect(loaded.layers[1]).toBeInstanceOf(LevelFusion);
    expect(partsOf(loaded).block).toBeInstanceOf(ConvNextBlock);
  }
  const again = await expectSame(await save(mine), mine);
  expect(again.layers[0]).toBeInstanceOf(UserBlock);
  expect(again.layers[1]).toBeInstanceOf(UserFusion);
  expect(partsOf(again).block).toBeInstanceOf(UserBlock);

  // A second class of the name, under another package: a saved template says which one it was.
  const savedMine = await save(mine);
  tf.serialization.registerClass(SECOND, 'another');
  const second = tf.sequential({ layers: [backbone({ block: new SECOND({ factor: 5 }) })] });
  expect(partsOf(second).block).toBeInstanceOf(SECOND);
  expect(partsOf(await expectSame(await save(second), second)).block).toBeInstanceOf(SECOND);
  const stillMine = await tf.loadLayersModel(tf.io.fromMemory(savedMine));
  expect(partsOf(stillMine).block).toBeInstanceOf(UserBlock);
});

test('a template whose class is gone is refused by the name that it was registered by', () => {
  const config = { name: 'b', trainable: true };
  const block = { className: 'ConvNextBlock', registered: { name: 'gone>ConvNextBlock' }, config };
  expect(() => tf.sequential({ layers: [backbone({ block })] })).toThrow(
    "ReversibleColumn: the class 'ConvNextBlock' of a template is not registered (as " +
      "'gone>ConvNextBlock'); call tf.serialization.registerClass(ConvNextBlock",
  );
});

test('a class whose name has an underscore can be a template of a saved model', async () => {
  const Underscored = userClass('My_block_Class');
  tf.serialization.registerClass(Underscored, 'my-app');
  const model = tf.sequential({ layers: [backbone({ block: new Underscored({ factor: 0.5 }) })] });
  randomizeWeights(model.weights, 5);
  expect(partsOf(await expectSame(await save(model), model)).block).toBeInstanceOf(Underscored);
});
