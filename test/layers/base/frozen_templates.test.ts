/** Models that are given frozen as templates stay so, in the layer and in what is saved of it. */
import * as tf from '@tensorflow/tfjs';

import { layers, type RevColBackbone, type RevColBackboneArgs } from 'tfjs-revcol';
import { BACKENDS, expectNoLeak, useBackend } from '../../support/backends';

beforeAll(() => useBackend(BACKENDS[0] as string));

type Layer = tf.layers.Layer;

const dense = (args = {}) => tf.layers.dense({ units: 6, ...args });
const first = () => dense({ inputShape: [6] });
const frozen = <L extends Layer>(layer: L): L => Object.assign(layer, { trainable: false });
const sequential = (...parts: Layer[]) => tf.sequential({ layers: parts });

function functional(): tf.LayersModel {
  const x = tf.input({ shape: [6] });
  const inner = tf.input({ shape: [6] });
  const model = tf.model({ inputs: inner, outputs: dense().apply(inner) as tf.SymbolicTensor });
  const y = frozen(model).apply(x) as tf.SymbolicTensor;
  return tf.model({ inputs: x, outputs: dense().apply(y) as tf.SymbolicTensor });
}

function summing(): tf.LayersModel {
  const operands = [tf.input({ shape: [6] }), tf.input({ shape: [6] })];
  const sum = tf.layers.add().apply(operands) as tf.SymbolicTensor;
  return tf.model({ inputs: operands, outputs: dense().apply(sum) as tf.SymbolicTensor });
}

/** Templates, and how many of a backbone's weights are trained less than with the same one unfrozen. */
const CASES: Record<string, [args: () => RevColBackboneArgs, shape: number[], fewer: number]> = {
  'a block': [() => ({ block: frozen(sequential(first())) }), [6], 8],
  'a block of two layers': [() => ({ block: frozen(sequential(first(), dense())) }), [6], 16],
  'a block of one level': [
    () => ({ block: [frozen(sequential(first())), sequential(first())] }),
    [6],
    4,
  ],
  'a model in a block': [
    () => ({ block: sequential(frozen(sequential(first())), dense()) }),
    [6],
    8,
  ],
  'a frozen model that holds one': [
    () => ({ block: frozen(sequential(sequential(first()), dense())) }),
    [6],
    16,
  ],
  'a model in a functional block': [() => ({ block: functional() }), [6], 8],
  'a model in a wrapper': [
    () => ({ block: tf.layers.timeDistributed({ layer: frozen(sequential(first())) }) }),
    [4, 6],
    8,
  ],
  'a stem': [() => ({ stem: frozen(sequential(first())) }), [6], 2],
  // Only level 0 of the second column has two operands to fuse.
  'a fusion': [() => ({ fusion: [frozen(summing()), dense()] }), [6], 2],
};

const backbone = (args: RevColBackboneArgs, inputShape: number[]) =>
  layers.revColBackbone({
    inputShape,
    columns: 2,
    channels: [6, 6],
    depths: [1, 1],
    block: dense(),
    stem: dense(),
    ...args,
  });
const modelOf = (layer: Layer) => tf.sequential({ layers: [layer] });
const countTrained = (model: tf.LayersModel) => model.trainableWeights.length;

async function reloaded(model: tf.LayersModel): Promise<tf.LayersModel> {
  let saved: tf.io.ModelArtifacts | undefined;
  await model.save(
    tf.io.withSaveHandler((artifacts) => {
      saved = JSON.parse(JSON.stringify(artifacts)) as tf.io.ModelArtifacts;
      saved.weightData = artifacts.weightData;
      return Promise.resolve({
        modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' },
      });
    }),
  );
  return tf.loadLayersModel(tf.io.fromMemory(saved as tf.io.ModelArtifacts));
}

function thaw(layer: Layer): void {
  const inner = (layer as { layer?: Layer }).layer;
  if (inner) thaw(inner);
  if (!(layer instanceof tf.LayersModel)) return;
  layer.trainable = true;
  layer.layers.forEach(thaw);
}

for (const [title, [make, shape, fewer]] of Object.entries(CASES)) {
  test(`${title} that is frozen is not trained, nor after loading`, () =>
    expectNoLeak(async () => {
      const args = make();
      const given = [args.block, args.stem, args.fusion].flat() as (Layer | undefined)[];
      const layer = backbone(args, shape);
      const model = modelOf(layer);
      const loaded = await reloaded(model);
      // A copy of a copy.
      const again = await reloaded(loaded);
      const counts = [model, loaded, again].map(countTrained);
      const flags = model.weights.filter((w) => (w['val'] as tf.Variable).trainable).length;
      for (const part of given) if (part) thaw(part);
      const open = modelOf(backbone(args, shape));
      expect(counts).toEqual(counts.map(() => countTrained(open) - fewer));
      expect(flags).toBe(counts[0]);
      for (const m of [model, loaded, again, open]) m.dispose();
      for (const part of given.map((p) => (p as { layer?: Layer } | undefined)?.layer ?? p)) {
        if (part instanceof tf.LayersModel) part.dispose();
      }
    }));
}

test('a frozen model that is a block is not moved by training', () =>
  expectNoLeak(async () => {
    const block = frozen(sequential(first()));
    const layer = backbone({ block }, [6]);
    const model = modelOf(layer);
    model.compile({ optimizer: tf.train.sgd(1), loss: 'meanSquaredError' });
    const parts = () =>
      layer.columnLayers.flatMap((c) => (c.functionLayers[1] as Layer).getWeights());
    const before = parts().map((w) => [...w.dataSync()]);
    const [x, y] = [tf.randomNormal([4, 6]), tf.randomNormal([4, 6])];
    await model.fit(x, y, { epochs: 2, verbose: 0 });
    expect(parts().map((w) => [...w.dataSync()])).toEqual(before);
    tf.dispose([x, y]);
    model.dispose();
    model.optimizer.dispose();
    block.dispose();
  }));

test('one block of a template that is frozen can be unfrozen, and a saved model knows', () =>
  expectNoLeak(async () => {
    const block = frozen(sequential(first()));
    const layer = backbone({ block }, [6]);
    const model = modelOf(layer);
    const before = countTrained(model);
    (layer.columnLayers[1]?.functionLayers[1] as Layer).trainable = true;
    expect(countTrained(model)).toBe(before + 2);
    const loaded = await reloaded(model);
    expect(countTrained(loaded)).toBe(before + 2);
    expect((loaded.layers[0] as RevColBackbone).getConfig()).toEqual(layer.getConfig());
    model.dispose();
    loaded.dispose();
    block.dispose();
  }));
