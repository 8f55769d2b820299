/** What is frozen is saved with the model: parts of any depth, of any class, and templates given frozen. */
import * as tf from '@tensorflow/tfjs';

import {
  createLanguageModel,
  layers,
  type RevColBackbone,
  type RevColBackboneArgs,
} from 'tfjs-revcol';
import { BACKENDS, expectNoLeak, useBackend } from '../../support/backends';
import { OwnBlock } from '../own_layers';

beforeAll(() => useBackend(BACKENDS[0] as string));

/** Holds its layers where nobody can look for them. */
class Hidden extends tf.layers.Layer {
  static className = 'HiddenOfFrozenTests';
  readonly #inner = tf.layers.dense({ name: 'inner', units: 6 });

  get inner(): tf.layers.Layer {
    return this.#inner;
  }
  override build(shape: tf.Shape): void {
    this.#inner.build(shape);
    this.#inner.built = true;
    this.built = true;
  }
  override get trainableWeights(): tf.LayerVariable[] {
    return this.trainable ? this.#inner.trainableWeights : [];
  }
  override get nonTrainableWeights(): tf.LayerVariable[] {
    return this.trainable ? this.#inner.nonTrainableWeights : this.#inner.weights;
  }
  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return this.#inner.apply(inputs) as tf.Tensor;
  }
}
tf.serialization.registerClass(Hidden, 'tfjs-revcol-tests');

type Backbone = RevColBackbone;
type Layer = tf.layers.Layer;

const block = (b: Backbone, column = 0) =>
  b.columnLayers[column]?.functionLayers[1] as Layer & { inner: Layer; parts: Layer[] };
const inModel = (layer: Layer, i: number) => (layer as tf.LayersModel).layers[i] as Layer;
const dense = (args = {}) => tf.layers.dense({ units: 6, ...args });
const two = () => tf.sequential({ layers: [dense({ inputShape: [6] }), dense()] });
const frozenInside = () =>
  tf.sequential({ layers: [dense({ inputShape: [6], trainable: false }), dense()] });

function build(args: RevColBackboneArgs, inputShape: number[] = [6]): tf.LayersModel {
  const backbone = layers.revColBackbone({
    inputShape,
    columns: 2,
    channels: [6, 6],
    depths: [1, 1],
    block: dense(),
    stem: dense(),
    ...args,
  });
  return tf.sequential({ layers: [backbone] });
}

/** A model, and what is done to its backbone. */
type Case = [make: () => tf.LayersModel, change: (b: Backbone, m: tf.LayersModel) => void];

const CASES: Record<string, Case> = {
  nothing: [() => build({}), () => undefined],
  'a layer of a stem that is a model': [
    () => build({ stem: two() }),
    (b) => (inModel(b.stem, 0).trainable = false),
  ],
  'a layer of a block that is a model': [
    () => build({ block: two() }),
    (b) => (inModel(block(b), 1).trainable = false),
  ],
  'a layer of a model in a model': [
    () => build({ block: tf.sequential({ layers: [two(), dense()] }) }),
    (b) => (inModel(inModel(block(b), 0), 1).trainable = false),
  ],
  'layers whose names differ only by case': [
    () =>
      build({
        block: tf.sequential({
          layers: [dense({ inputShape: [6], name: 'the_One' }), dense({ name: 'the_one' })],
        }),
      }),
    (b) => (inModel(block(b), 1).trainable = false),
  ],
  'a layer in a field of a block of the user': [
    () => build({ block: new OwnBlock() }),
    (b) => ((block(b).parts[3] as Layer).trainable = false),
  ],
  'a layer that a block of the user hides': [
    () => build({ block: new Hidden({}) }),
    (b) => (block(b).inner.trainable = false),
  ],
  'a wrapped layer': [
    () => build({ block: tf.layers.timeDistributed({ layer: dense() }) }, [4, 6]),
    (b) => ((block(b) as unknown as { layer: Layer }).layer.trainable = false),
  ],
  'the cell of a recurrent block': [
    () => build({ block: tf.layers.simpleRNN({ units: 6, returnSequences: true }) }, [4, 6]),
    (b) => ((block(b) as unknown as { cell: Layer }).cell.trainable = false),
  ],
  'single weights': [
    () => build({}),
    (b) => {
      for (const layer of [b.stem, block(b), b.columnLayers[1] as Layer]) {
        (layer.trainableWeights[0] as tf.LayerVariable & { trainable: boolean }).trainable = false;
      }
    },
  ],
  'a frozen template, all unfrozen': [
    () => build({ block: dense({ trainable: false }) }),
    (b) => (b.trainable = true),
  ],
  'a frozen template, one block unfrozen': [
    () => build({ block: dense({ trainable: false }) }),
    (b) => (block(b, 1).trainable = true),
  ],
  'a template frozen in part, unfrozen there and frozen elsewhere': [
    () => build({ block: frozenInside() }),
    (b) => {
      inModel(block(b), 0).trainable = true;
      inModel(block(b), 1).trainable = false;
    },
  ],
  'a frozen stem template, unfrozen before it is built': [
    () => {
      const backbone = layers.revColBackbone({
        inputShape: [6],
        channels: [6, 6],
        depths: [0, 1],
        block: dense(),
        stem: dense({ trainable: false }),
      });
      backbone.stem.trainable = true;
      return tf.sequential({ layers: [backbone] });
    },
    () => undefined,
  ],
  'a column, and a fusion of another': [
    () => build({}),
    (b) => {
      (b.columnLayers[0] as Layer).trainable = false;
      (b.columnLayers[1]?.functionLayers[0] as Layer).trainable = false;
    },
  ],
  'all, then a column unfrozen': [
    () => build({}),
    (b) => {
      b.trainable = false;
      b.trainable = true;
      (b.columnLayers[1] as Layer).trainable = false;
    },
  ],
  'the backbone as a whole, with a part unfrozen in it': [
    () => build({}),
    (b) => {
      b.trainable = false;
      block(b).trainable = true;
    },
  ],
  'the whole model': [() => build({}), (_, m) => (m.trainable = false)],
  'the whole model and back, with a frozen column': [
    () => build({}),
    (b, m) => {
      (b.columnLayers[0] as Layer).trainable = false;
      m.trainable = false;
      m.trainable = true;
    },
  ],
  'parts of a language model': [
    () =>
      createLanguageModel({
        vocabularySize: 9,
        sequenceLength: 8,
        width: 4,
        depths: [1, 1],
        columns: 2,
        numHeads: 2,
      }),
    (_, m) => {
      const model = m.layers.find((l) => l.getClassName() === 'RevColLanguageModel') as Layer;
      const backbone = (model as unknown as { sublayers: Layer[] }).sublayers[0] as Backbone;
      backbone.stem.trainable = false;
      block(backbone, 1).trainable = false;
    },
  ],
};

/** Cases in which as much is trained afterwards as before. */
const UNCHANGED = new Set([
  'nothing',
  'a template frozen in part, unfrozen there and frozen elsewhere',
  'a frozen stem template, unfrozen before it is built',
]);

async function reload(model: tf.LayersModel): Promise<tf.LayersModel> {
  let saved: tf.io.ModelArtifacts | undefined;
  const handler = tf.io.withSaveHandler(async (artifacts) => {
    saved = artifacts;
    return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } };
  });
  await model.save(handler);
  return tf.loadLayersModel(tf.io.fromMemory(saved as tf.io.ModelArtifacts));
}

const trained = (m: tf.LayersModel) => m.trainableWeights.map((w) => w.originalName).sort();

/** Names of the weights whose variables an optimizer would move. */
const flagged = (m: tf.LayersModel) =>
  m.weights
    .filter((w) => (w.read() as tf.Variable).trainable)
    .map((w) => w.originalName)
    .sort();

test.each(Object.entries(CASES))('%s', async (title, [make, change]) => {
  const model = make();
  const all = trained(model).length;
  change(model.layers[0] as Backbone, model);
  const expected = trained(model);
  expect(expected.length === all).toBe(UNCHANGED.has(title));
  expect(flagged(model)).toEqual(expected);
  const once = await reload(model);
  expect(trained(once)).toEqual(expected);
  const twice = await reload(once);
  expect(trained(twice)).toEqual(expected);
  expect(flagged(twice)).toEqual(expected);
  for (const m of [model, once, twice]) m.dispose();
});

test('what was frozen can be unfrozen after loading', async () => {
  const model = build({ block: two() });
  const all = trained(model);
  const backbone = model.layers[0] as Backbone;
  inModel(block(backbone), 0).trainable = false;
  (backbone.columnLayers[1] as Layer).trainable = false;
  const loaded = await reload(model);
  const again = loaded.layers[0] as Backbone;
  expect(trained(loaded).length).toBeLessThan(all.length);
  inModel(block(again), 0).trainable = true;
  (again.columnLayers[1] as Layer).trainable = true;
  expect(trained(loaded)).toEqual(all);
  expect(flagged(loaded)).toEqual(all);
});

test('paths may be given by hand, down to a weight, and the configuration holds them', async () => {
  await expectNoLeak(() => {
    const stem = tf.sequential({
      layers: [dense({ inputShape: [6], name: 'First_One' }), dense({ name: 'second' })],
    });
    const frozen = ['stem/First_One', 'column_1/level_0/alpha', 'column-0/level-1/block-0'];
    const model = build({ stem, frozen });
    const config = model.layers[0]?.getConfig() as { frozen: string[] };
    expect(config.frozen).toEqual([
      'stem/first-one',
      'column-0/level-1/block-0',
      'column-1/level-0/alpha',
    ]);
    const names = trained(model);
    expect(
      names.some((n) => /First_One|column_0.level_1.block_0|column_1.level_0.alpha/.test(n)),
    ).toBe(false);
    model.dispose();
    stem.dispose();
  });
});

test('a path that does not exist is refused, whichever list it is in', () => {
  const make = (args: RevColBackboneArgs) => () => build(args);
  expect(make({ frozen: ['column-0/level-9'] })).toThrow(
    "RevColBackbone: frozen names 'column-0/level-9', which is not a part of it; parts are 'stem', ",
  );
  expect(make({ unfrozen: ['root'] })).toThrow(
    "RevColBackbone: unfrozen names 'root', which is no",
  );
});
