/** An optimizer without a list of variables goes by their own flags; so those follow the layers and the model. */
import * as tf from '@tensorflow/tfjs';

import { layers, type RevColBackbone, type RevColBackboneArgs } from 'tfjs-revcol';
import { BACKENDS, useBackend } from '../../support/backends';
import { normalTensor, randomizeWeights } from '../../support/training_step';
import { OwnBlock } from '../own_layers';

beforeAll(() => useBackend(BACKENDS[0] as string));

type Layer = tf.layers.Layer;

const BLOCKS: Record<string, () => Layer | undefined> = {
  'the built-in block': () => undefined,
  'a block of the user': () => new OwnBlock({ rate: 0 }),
  'a block that is a model': () =>
    tf.sequential({
      layers: [tf.layers.dense({ units: 4, inputShape: [4, 4, 4] }), tf.layers.dense({ units: 4 })],
    }),
};

function build(backprop: 'stored' | 'reversible', block: Layer | undefined): tf.LayersModel {
  const args: RevColBackboneArgs = {
    inputShape: [4, 4, 3],
    columns: 2,
    channels: [4, 4],
    depths: [1, 1],
    patchSize: 1,
    isotropic: block != null,
    backprop,
    block,
  };
  const model = tf.sequential({
    layers: [layers.revColBackbone(args), layers.revColHead({ units: 2 })],
  });
  randomizeWeights(model.weights, 3);
  return model;
}

/** Names of the trainable weights that one step moves, another variable being trained beside. */
function moved(model: tf.LayersModel): string[] {
  const trainable = new Set(model.layers.flatMap((l) => l.weights).filter((w) => w.trainable));
  const before = model.weights.map((w) => w.read().dataSync().slice());
  const x = normalTensor([2, 4, 4, 3], 1);
  const other = tf.variable(tf.scalar(1));
  const optimizer = tf.train.sgd(0.1);
  optimizer.minimize(() => {
    const y = model.apply(x, { training: true }) as tf.Tensor;
    return tf.mul(other, tf.mean(tf.square(y))) as tf.Scalar;
  });
  tf.dispose([x, other]);
  optimizer.dispose();
  return model.weights
    .filter(
      (w, i) =>
        trainable.has(w) &&
        w
          .read()
          .dataSync()
          .some((v, j) => v !== before[i]?.[j]),
    )
    .map((w) => w.originalName)
    .sort();
}

const listed = (model: tf.LayersModel) => model.trainableWeights.map((w) => w.originalName).sort();

const modes = (['reversible', 'stored'] as const).flatMap((mode) =>
  Object.keys(BLOCKS).map((block) => [mode, block] as const),
);

describe.each(modes)('mode %s, %s', (mode, block) => {
  const make = () => build(mode, BLOCKS[block]?.());

  test('what is frozen does not move, and moves again when set back', () => {
    const model = make();
    const backbone = model.layers[0] as RevColBackbone;
    const column = backbone.columnLayers[1] as Layer;
    const all = listed(model);
    expect(moved(model)).toEqual(all);
    const switches: [what: { trainable: boolean }, stays: (name: string) => boolean][] = [
      [model, () => true],
      [backbone, (name) => !/classifier|head.*norm/.test(name)],
      [column, (name) => /column_1/.test(name)],
      [backbone.stem, (name) => /stem/.test(name)],
      [
        backbone.columnLayers[0]?.functionLayers[1] as Layer,
        (n) => /column_0.level_0.block/.test(n),
      ],
    ];
    for (const [what, stays] of switches) {
      what.trainable = false;
      const expected = all.filter((name) => !stays(name));
      expect(listed(model)).toEqual(expected);
      expect(moved(model)).toEqual(expected);
      what.trainable = true;
      expect(listed(model)).toEqual(all);
    }
    expect(moved(model)).toEqual(all);
    model.dispose();
  });

  test('a part stays frozen while the model is frozen and set back', () => {
    const model = make();
    const backbone = model.layers[0] as RevColBackbone;
    (backbone.columnLayers[0] as Layer).trainable = false;
    const rest = listed(model);
    expect(rest.some((name) => /column_0/.test(name))).toBe(false);
    model.trainable = false;
    expect(moved(model)).toEqual([]);
    model.trainable = true;
    expect(listed(model)).toEqual(rest);
    expect(moved(model)).toEqual(rest);
    model.dispose();
  });
});
