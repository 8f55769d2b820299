/** Models that hold models as block, stem or fusion: saved, loaded, trained on, and saved again. */
import 'tfjs-revcol/node';
import * as fs from 'node:fs';
import * as path from 'node:path';
import * as vm from 'node:vm';
import * as tf from '@tensorflow/tfjs';

import { layers, type RevColBackboneArgs, type ReversibleColumnArgs } from 'tfjs-revcol';
import { describeBackends, expectClose, expectNoLeak } from '../support/backends';
import {
  expectSameStep,
  normalTensor,
  projectedLoss,
  randomizeWeights,
  takeStep,
} from '../support/training_step';

type Backprop = 'reversible' | 'stored';
type Symbolic = tf.SymbolicTensor;
type Templates = Pick<RevColBackboneArgs, 'block' | 'fusion' | 'stem'>;

/** A layer of a class whose name tfjs does not keep in saved files. */
class ScaleLayer extends tf.layers.Layer {
  static className = 'Scale_Layer';

  override build(inputShape: tf.Shape): void {
    this.addWeight('scale', [inputShape.at(-1) as number], 'float32', tf.initializers.ones());
    this.built = true;
  }

  override computeOutputShape(inputShape: tf.Shape): tf.Shape {
    return inputShape;
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const x = (Array.isArray(inputs) ? inputs[0] : inputs) as tf.Tensor;
    return tf.mul(x, (this.weights[0] as tf.LayerVariable).read());
  }
}
tf.serialization.registerClass(ScaleLayer, 'fixture');

const WIDTH = 5;

function dense(inputDim = WIDTH, name?: string): tf.layers.Layer {
  return tf.layers.dense({ units: WIDTH, activation: 'tanh', inputShape: [inputDim], name });
}

const chain = (...parts: tf.layers.Layer[]) => tf.sequential({ layers: parts });

/** `x + parts(x)`, as a functional model. */
function residual(...parts: tf.layers.Layer[]): tf.LayersModel {
  const x = tf.input({ shape: [WIDTH] });
  const y = parts.reduce((h, part) => part.apply(h) as Symbolic, x);
  return tf.model({ inputs: x, outputs: tf.layers.add().apply([x, y]) as Symbolic });
}

/** A fusion that hands the sum of its two inputs to `inner`. */
function fusionOf(inner: tf.layers.Layer): tf.LayersModel {
  const inputs = [0, 1].map(() => tf.input({ shape: [WIDTH] }));
  const sum = tf.layers.add().apply(inputs);
  return tf.model({ inputs, outputs: inner.apply(sum) as Symbolic });
}

/** A model whose parts have two outputs, two inputs, and layers in common. */
function tangled(): tf.LayersModel {
  const x = tf.input({ shape: [WIDTH] });
  const shared = dense();
  const forked = tf.model({
    inputs: x,
    outputs: [shared.apply(x), dense().apply(x)] as Symbolic[],
  });
  const y = tf.input({ shape: [WIDTH] });
  const both = forked.apply(y) as Symbolic[];
  return tf.model({ inputs: y, outputs: fusionOf(shared).apply(both) as Symbolic });
}

function frozenWithin(): tf.LayersModel {
  const inner = chain(dense(), dense());
  (inner.layers[0] as tf.layers.Layer).trainable = false;
  return residual(inner);
}

const TEMPLATES: Record<string, () => Templates> = {
  'sequential in sequential': () => ({ block: chain(chain(dense()), dense()) }),
  'functional in sequential': () => ({ block: chain(dense(), residual(dense())) }),
  'sequential in functional': () => ({ block: residual(chain(dense(), dense())) }),
  'functional in functional': () => ({ block: residual(residual(dense())) }),
  'four deep': () => ({ block: chain(residual(chain(residual(chain(dense()))))) }),
  'one per level': () => ({ block: [residual(chain(dense())), chain(residual(dense()))] }),
  'a part used twice': () => {
    const part = chain(dense());
    return { block: residual(part, part) };
  },
  'parts with layers of the same name': () => ({
    block: residual(chain(dense(WIDTH, 'In_Ner')), chain(dense(WIDTH, 'In_Ner'))),
  }),
  'several inputs and outputs': () => ({ block: tangled() }),
  'a frozen layer': () => ({ block: frozenWithin() }),
  'a wrapper': () => ({
    block: residual(
      tf.layers.repeatVector({ n: 2 }),
      tf.layers.timeDistributed({ layer: chain(chain(dense())) as tf.layers.Layer }),
      tf.layers.globalAveragePooling1d(),
    ),
  }),
  'batch statistics': () => ({
    block: residual(chain(dense(), tf.layers.batchNormalization({ momentum: 0.5 }))),
  }),
  'a class with an underscore': () => ({ block: residual(chain(dense(), new ScaleLayer())) }),
  'a configuration from another realm': () => {
    const model = chain(chain(dense()), dense());
    const text = JSON.stringify({ className: model.getClassName(), config: model.getConfig() });
    model.dispose();
    return { block: vm.runInNewContext('JSON.parse(text)', { text }) as Templates['block'] };
  },
  'a backbone with blocks that are models': () => ({
    block: residual(
      layers.revColBackbone({
        columns: 2,
        channels: [WIDTH, WIDTH],
        depths: [1, 1],
        block: residual(chain(dense(), new ScaleLayer())),
        stem: chain(chain(dense())),
      }),
    ),
  }),
  'block, stem and fusion': () => ({
    block: residual(chain(dense())),
    stem: chain(dense(3), residual(chain(dense()))),
    fusion: fusionOf(chain(residual(dense()))),
  }),
};

const SMALL = { channels: [WIDTH, WIDTH], depths: [1, 1] };

function makeBackbone(templates: Templates, backprop: Backprop): tf.LayersModel {
  const backbone = layers.revColBackbone({
    ...SMALL,
    ...templates,
    columns: 2,
    name: 'backbone',
    inputShape: [3],
    backprop,
  });
  return tf.sequential({ layers: [backbone, layers.revColHead({ name: 'head', units: 2 })] });
}

function makeColumns({ block, fusion }: Templates, backprop: Backprop): tf.LayersModel {
  const args: ReversibleColumnArgs = { ...SMALL, block, fusion, backprop };
  const x = tf.input({ shape: [WIDTH] });
  const first = layers.reversibleColumn({ ...args, name: 'first' }).apply(x) as Symbolic[];
  const second = layers.reversibleColumn({ ...args, name: 'second', output: 'last' });
  const top = second.apply([x, ...first]);
  return tf.model({
    inputs: x,
    outputs: layers.revColHead({ name: 'head', units: 2 }).apply(top) as Symbolic,
  });
}

/** Saves a model as text and bytes, and gives what loads it. */
async function save(model: tf.LayersModel): Promise<() => Promise<tf.LayersModel>> {
  const saved: tf.io.ModelArtifacts[] = [];
  const handler = tf.io.withSaveHandler(async (artifacts) => {
    saved.push(artifacts);
    return { modelArtifactsInfo: tf.io.getModelArtifactsInfoForJSON(artifacts) };
  });
  await model.save(handler);
  const { weightData, ...rest } = saved[0] as tf.io.ModelArtifacts;
  const text = JSON.stringify(rest);
  const artifacts = () => ({ ...(JSON.parse(text) as tf.io.ModelArtifacts), weightData });
  return () => tf.loadLayersModel(tf.io.fromMemory(artifacts()));
}

const names = (weights: tf.LayerVariable[]) => weights.map((w) => w.originalName);

function inputOf(model: tf.LayersModel): tf.Tensor {
  return normalTensor([6, ...((model.inputs[0] as Symbolic).shape.slice(1) as number[])], 1);
}

function predictionOf(model: tf.LayersModel): Float32Array {
  return tf.tidy(() => Float32Array.from((model.predict(inputOf(model)) as tf.Tensor).dataSync()));
}

function stepOf(model: tf.LayersModel) {
  const x = inputOf(model);
  const loss = () => projectedLoss(model.apply(x, { training: true }) as tf.Tensor);
  const step = takeStep(loss, model.trainableWeights, x);
  x.dispose();
  return step;
}

async function trained(model: tf.LayersModel): Promise<number[]> {
  model.compile({ optimizer: tf.train.sgd(0.01), loss: 'meanSquaredError' });
  const [x, y] = [inputOf(model), normalTensor([6, 2], 2)];
  const losses: number[] = [];
  for (let i = 0; i < 3; i++) losses.push((await model.trainOnBatch(x, y)) as number);
  tf.dispose([x, y]);
  model.optimizer.dispose();
  return losses;
}

function expectSameModel(loaded: tf.LayersModel, model: tf.LayersModel): void {
  expect(names(loaded.weights)).toEqual(names(model.weights));
  expect(names(loaded.trainableWeights)).toEqual(names(model.trainableWeights));
  expect(predictionOf(loaded)).toEqual(predictionOf(model));
}

/** All layers within, also those in blocks. */
function layersIn(layer: tf.layers.Layer): tf.layers.Layer[] {
  const { layers: parts, namedSublayers = [] } = layer as Partial<
    tf.LayersModel & { namedSublayers: [string, tf.layers.Layer][] }
  >;
  const below = parts ?? namedSublayers.map(([, part]) => part);
  return [layer, ...below.flatMap(layersIn)];
}

/** The models that serve as templates have weights of their own. */
function disposeTemplates({ block, fusion, stem }: Templates): void {
  const given = new Set([block, fusion, stem].flat());
  for (const template of given) if (template instanceof tf.LayersModel) template.dispose();
}

// What is saved does not depend on the backend. (In jest the arrays of tensorflow's addon are of another realm, which
// tfjs refuses to save.)
describeBackends(
  'models in models as block, stem and fusion',
  () => {
    const makers = Object.entries(TEMPLATES).map(
      ([title, templates], i): [string, string, () => Templates, typeof makeBackbone] =>
        // Columns have no stem; what else differs is seen with every other one.
        i % 3 === 1
          ? [title, 'columns', templates, makeColumns]
          : [title, 'backbone', templates, makeBackbone],
    );
    test.each(makers)('%s, %s: load, learn and save again', async (_, __, templates, make) => {
      const steps = [];
      for (const backprop of ['reversible', 'stored'] as const) {
        const given = templates();
        const model = make(given, backprop);
        disposeTemplates(given);
        randomizeWeights(model.weights, 3);
        const load = await save(model);
        await expectNoLeak(async () => (await load()).dispose());
        const loaded = await load();
        expectSameModel(loaded, model);
        const step = stepOf(loaded);
        expectSameStep(step, stepOf(model), 1e-6);
        steps.push(step);
        const [expected, got] = [await trained(model), await trained(loaded)];
        expectClose(got, expected, 1e-5, 'losses');
        expect(got[2]).toBeLessThan(got[0] as number);
        const again = await (await save(loaded))();
        expectSameModel(again, loaded);
        for (const m of [model, loaded, again]) m.dispose();
      }
      const [reversible, stored] = steps.map(({ gradients, ...rest }) => ({
        ...rest,
        // Layers are numbered on from one model to the next.
        gradients: new Map([...gradients.values()].map((g, i) => [String(i), g])),
      }));
      if (!reversible || !stored) throw new Error('expected a step in both modes');
      expect(reversible.gradients.size).toBeGreaterThan(8);
      expectSameStep(reversible, stored, 1e-4);
    });

    test('a model saved by 0.1.0, which could not load it', async () => {
      const folder = path.join(__dirname, 'fixtures/v0.1.0/nested');
      const { x, y } = JSON.parse(
        fs.readFileSync(path.join(folder, 'expected.json'), 'utf8'),
      ) as Record<'x' | 'y', number[][]>;
      const model = await tf.loadLayersModel(`file://${folder}/model.json`);
      const again = await (await save(model))();
      for (const m of [model, again]) {
        const got = tf.tidy(() => (m.predict(tf.tensor2d(x)) as tf.Tensor).dataSync());
        expectClose(got, y.flat(), 1e-5, 'predictions');
        m.dispose();
      }
    });

    test('a class with an underscore is not mistaken for one with its name without it', async () => {
      class Plain extends ScaleLayer {
        static override className = 'ScaleLayer';
      }
      const classes = tf.serialization.SerializationMap.getMap().classNameMap;
      const before = classes['ScaleLayer'];
      const templates = { block: residual(chain(dense(), new ScaleLayer())) };
      const model = makeBackbone(templates, 'reversible');
      const load = await save(model);
      tf.serialization.registerClass(Plain, 'others');
      try {
        const loaded = await load();
        expectSameModel(loaded, model);
        expect(layersIn(loaded).filter((layer) => layer instanceof Plain)).toEqual([]);
        expect(layersIn(loaded).some((layer) => layer instanceof ScaleLayer)).toBe(true);
        loaded.dispose();
      } finally {
        if (before) classes['ScaleLayer'] = before;
        else delete classes['ScaleLayer'];
      }
      disposeTemplates(templates);
      model.dispose();
    });
  },
  { only: ['wasm'] },
);
