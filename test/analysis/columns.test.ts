/** Features of columns, against what the backbone itself gives, and the paper's table of them. */
import * as tf from '@tensorflow/tfjs';

import {
  createLanguageModel,
  createModel,
  createTextClassifier,
  layers,
  RevColBackbone,
  tensorSource,
} from 'tfjs-revcol';
import { columnCKA, columnFeatures, linearCKA } from 'tfjs-revcol/analysis';
import { describeBackends, expectClose, expectNoLeak } from '../support/backends';
import { ckaOf, unbiasedHsic } from './references';

const NETWORK = { columns: 3, channels: [4, 6], depths: [1, 1], patchSize: 2 };

/** A classifier whose blocks do something from the start. */
function classifier(options: Parameters<typeof createModel>[1] = {}): tf.LayersModel {
  const model = createModel('revcol_tiny', {
    ...NETWORK,
    numClasses: 3,
    inputShape: [8, 8, 3],
    ...options,
  });
  stir(model);
  return model;
}

function stir(model: tf.LayersModel): void {
  for (const weight of model.weights) {
    if (!/gamma$/.test(weight.originalName)) continue;
    weight.write(tf.tidy(() => tf.randomUniform(weight.shape as number[], 0.5, 1, 'float32', 5)));
  }
}

/** A backbone of its own with the weights of another one, and other outputs. */
function withOutput(model: tf.LayersModel, output: 'columns' | 'pyramid'): tf.LayersModel {
  const input = tf.input({ shape: [8, 8, 3] });
  const backbone = layers.revColBackbone({ ...NETWORK, output });
  const copy = tf.model({ inputs: input, outputs: backbone.apply(input) as tf.SymbolicTensor[] });
  backbone.setWeights(model.getLayer('backbone').getWeights());
  return copy;
}

describeBackends('features of columns', (backend) => {
  const images = (n = 6) => tf.randomNormal([n, 8, 8, 3], 0, 1, 'float32', 7);

  test('are those of the backbone, of two columns at a time', async () => {
    const [model, x] = [classifier(), images(2)];
    const [byColumn, last] = [withOutput(model, 'columns'), withOutput(model, 'pyramid')];
    const tops = byColumn.predict(x) as tf.Tensor[];
    const top = last.predict(x) as tf.Tensor[];
    const seen: [number, number][] = [];
    const alive: number[] = [];
    const before = tf.memory().numTensors;
    await expectNoLeak(() => {
      for (const { column, level, features } of columnFeatures(model, x)) {
        seen.push([column, level]);
        alive.push(tf.memory().numTensors - before);
        if (level === 1) expectClose(features, tops[column] as tf.Tensor, 1e-5);
        if (column === 2) expectClose(features, top[level] as tf.Tensor, 1e-5);
      }
    });
    expect(seen).toEqual([0, 1, 2].flatMap((c) => [0, 1].map((l): [number, number] => [c, l])));
    expect(Math.max(...alive)).toBeLessThanOrEqual(4);
    const backbone = model.getLayer('backbone') as never;
    const means = [...columnFeatures(backbone, x, { pooling: 'mean' })].map(
      (f) => f.features.shape,
    );
    expect(means.slice(0, 2)).toEqual([
      [2, 4],
      [2, 6],
    ]);
    // A loop that is left frees as well.
    await expectNoLeak(() => {
      for (const { column } of columnFeatures(model, x)) if (column === 1) break;
    });
    tf.dispose([x, ...tops, ...top]);
    for (const one of [model, byColumn, last]) one.dispose();
  });

  test('of a model in a model, and of one that normalises pixels', async () => {
    const inner = classifier({ pixelMean: 100, pixelStd: 50 });
    const pixels = tf.tidy(() => tf.add(tf.mul(images(2), 50), 100));
    const outer = tf.sequential({
      layers: [tf.layers.activation({ activation: 'linear', inputShape: [8, 8, 3] }), inner],
    });
    const plain = classifier();
    plain.setWeights(inner.getWeights());
    const x = tf.tidy(() => tf.div(tf.sub(pixels, 100), 50));
    await expectNoLeak(() => {
      const expected = columnFeatures(plain, x);
      for (const { features } of columnFeatures(outer, pixels)) {
        expectClose(features, (expected.next().value as { features: tf.Tensor }).features, 1e-4);
      }
      expect(expected.next().done).toBe(true);
    });
    tf.dispose([pixels, x]);
    for (const one of [outer, plain]) one.dispose();
  });

  test('of a backbone that is called twice, in a model or in two: of the call that is asked for', async () => {
    const x = images(2);
    const [input, backbone] = [
      tf.input({ shape: [8, 8, 3] }),
      layers.revColBackbone({ ...NETWORK, name: 'twin' }),
    ];
    const half = tf.layers.rescaling({ scale: 0.5 }).apply(input) as tf.SymbolicTensor;
    const twice = tf.model({
      inputs: input,
      outputs: [input, half].map((one) => backbone.apply(one) as tf.SymbolicTensor),
    });
    const around = (scale: number) =>
      tf.sequential({
        layers: [tf.layers.rescaling({ scale, inputShape: [8, 8, 3] }), backbone],
      });
    const nested = tf.model({
      inputs: input,
      outputs: [around(1), around(0.5)].map((one) => one.apply(input) as tf.SymbolicTensor),
    });
    const halved = tf.mul(x, 0.5);
    await expectNoLeak(() => {
      for (const model of [twice, nested]) {
        for (const [call, own] of [x, halved].entries()) {
          const expected = columnFeatures(backbone as never, own);
          for (const { features } of columnFeatures(model, x, { call })) {
            expectClose(
              features,
              (expected.next().value as { features: tf.Tensor }).features,
              1e-6,
            );
          }
          expect(expected.next().done).toBe(true);
        }
        const all = (options: object) => () => [...columnFeatures(model, x, options)];
        expect(all({})).toThrow(
          /calls its backbone twin 2 times; say which by the option call, expected from 0 to 1/,
        );
        expect(all({ call: 2 })).toThrow(/twin 2 times; call is 2, expected from 0 to 1/);
      }
    });
    expect(() => columnFeatures(twice, x, { call: -1 })).toThrow(/call is -1/);
    tf.dispose([x, halved]);
    backbone.dispose();
  });

  test('of tokens: padding says nothing', async () => {
    const options = {
      vocabularySize: 9,
      columns: 2,
      width: 8,
      depths: [1, 1],
      numHeads: 2,
    };
    const model = createLanguageModel(options);
    const [short, long] = [
      tf.tensor2d([[1, 2, 3]], [1, 3], 'int32'),
      tf.tensor2d([[1, 2, 3, 0, 0]], [1, 5], 'int32'),
    ];
    await expectNoLeak(() => {
      for (const pooling of ['none', 'mean'] as const) {
        const padded = columnFeatures(model, long, { pooling });
        for (const { features } of columnFeatures(model, short, { pooling })) {
          const other = (padded.next().value as { features: tf.Tensor }).features;
          tf.tidy(() => {
            if (pooling === 'mean') return expectClose(other, features, 1e-4);
            expectClose(tf.slice(other, [0, 0, 0], [1, 3, 8]), features, 1e-4);
            expect(tf.sum(tf.abs(tf.slice(other, [0, 3, 0], [1, 2, 8]))).dataSync()[0]).toBe(0);
          });
        }
        padded.return();
      }
    });
    tf.dispose([short, long]);
    model.dispose();
  });

  test('the table is that of every level, the image and the label', async () => {
    const [model, x] = [classifier(), images(13)];
    const y = Int32Array.from({ length: 13 }, (_, i) => (i * i) % 3);
    const progress: number[] = [];
    // The end, a single example, is left out.
    const found = await expectNoLeak(() =>
      columnCKA(model, { x, y }, { batchSize: 6, onProgress: (done) => progress.push(done) }),
    );
    expect(progress).toEqual([6, 12, 13]);
    expect(found.examples).toBe(12);
    expect(found.levels).toHaveLength(6);
    expect(found.levels[3]).toEqual({ column: 1, level: 1 });
    const batches = [0, 6].map((from) => {
      const part = tf.slice(x, [from, 0, 0, 0], [6, 8, 8, 3]);
      const label = tf.oneHot(tf.tensor1d(y.slice(from, from + 6), 'int32'), 3);
      const features = [...keptFeatures(model, part)];
      return { part, label, features };
    });
    const between = (a: (b: (typeof batches)[0]) => tf.Tensor, b: typeof a) =>
      ckaOf(
        unbiasedHsic,
        batches.map((one) => [a(one), b(one)] as const),
      );
    expect(found.imageAndLabel).toBeCloseTo(
      between(
        (b) => b.part,
        (b) => b.label,
      ),
      5,
    );
    for (const [column, level] of [
      [0, 0],
      [2, 0],
      [2, 1],
    ] as const) {
      const own = (b: (typeof batches)[0]) => b.features[column * 2 + level] as tf.Tensor;
      expect(found.image[column]?.[level]).toBeCloseTo(
        between((b) => b.part, own),
        4,
      );
      expect(found.label[column]?.[level]).toBeCloseTo(
        between((b) => b.label, own),
        4,
      );
      const first = between((b) => b.features[0] as tf.Tensor, own);
      expect(found.between[0]?.[column * 2 + level]).toBeCloseTo(first, 4);
    }
    tf.dispose([x, ...batches.flatMap(({ part, label, features }) => [part, label, ...features])]);
    model.dispose();
  });

  function* keptFeatures(model: tf.LayersModel, x: tf.Tensor): Generator<tf.Tensor> {
    for (const { features } of columnFeatures(model, x)) yield tf.clone(features);
  }

  if (backend !== 'wasm') return;

  test('the table of pictures, of tokens, and of classes that batches lack', async () => {
    const model = classifier();
    const data = Uint8Array.from({ length: 8 * 8 * 8 }, (_, i) => (i * 37) % 256);
    const source = await tensorSource({ data, shape: [8, 8, 8, 1] }, [0, 1, 2, 0, 2, 1, 0, 0]);
    await expectNoLeak(async () => {
      const { label, examples } = await columnCKA(model, source, { batchSize: 4, pooling: 'mean' });
      expect([examples, label.flat().every(Number.isFinite)]).toEqual([8, true]);
      const backbone = model.getLayer('backbone') as never;
      await expect(columnCKA(backbone, source)).rejects.toThrow(
        /model is a RevColBackbone; expected a/,
      );
    });
    const text = createTextClassifier({
      vocabularySize: 9,
      numClasses: 2,
      columns: 2,
      width: 8,
      depths: [1, 1],
      numHeads: 2,
    });
    const x = tf.randomUniform([6, 4], 1, 9, 'int32', 3);
    const y = tf.tensor1d([5, 5, 1, 5, 1, 1]);
    const found = await expectNoLeak(() => columnCKA(text, { x, y }));
    // Ids are compared as the stem embeds them.
    const backbone = text.layers.find((one) => one instanceof RevColBackbone) as RevColBackbone;
    const embedded = backbone.stem.apply(x) as tf.Tensor;
    const features = [...keptFeatures(text, x)];
    features.forEach((own, i) => {
      const { column, level } = found.levels[i] as (typeof found.levels)[0];
      const expected = ckaOf(unbiasedHsic, [[embedded, own]]);
      expect(found.image[column]?.[level]).toBeCloseTo(expected, 4);
    });
    tf.dispose([embedded, ...features]);
    const constant = tf.fill([6], 4, 'int32');
    const { label } = await columnCKA(text, { x, y: constant });
    expect(label.flat()).toEqual([NaN, NaN, NaN, NaN]);
    tf.dispose([x, y, constant]);
    for (const one of [model, text]) one.dispose();
  });

  test('what is refused leaves nothing behind', async () => {
    const [model, x] = [classifier(), images()];
    const plain = tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [3] })] });
    const input = tf.input({ shape: [8, 8, 3] });
    const two = tf.model({
      inputs: input,
      outputs: ['one', 'other'].map((name) =>
        layers.revColBackbone({ ...NETWORK, name }).apply(input),
      ) as tf.SymbolicTensor[],
    });
    const y = [0, 1, 2, 0, 1, 2];
    const nan = tf.fill([6, 8, 8, 3], NaN);
    await expectNoLeak(async () => {
      const refused = async (call: Promise<unknown>, message: RegExp) =>
        expect(call).rejects.toThrow(message);
      await refused(columnCKA(plain, { x, y }), /has no RevColBackbone that is built/);
      await refused(columnCKA(two, { x, y }), /has the backbones one, other; name one by .* layer/);
      expect((await columnCKA(two, { x, y }, { layer: 'other' })).image).toHaveLength(3);
      await refused(columnCKA(two, { x, y }, { layer: 'third' }), /and none of the name 'third'/);
      await refused(columnCKA(model, { x, y }, { batchSize: 3 }), /batchSize is 3; .* at least 4/);
      await refused(columnCKA(model, { x, y: [0, 1, -1, 0, 1, 2] }), /a label is -1/);
      await refused(columnCKA(model, { x, y: y.slice(1) }), /6 examples and y 5 labels/);
      await refused(columnCKA(model, { x: nan, y }), /MinibatchCKA: the image has NaN or Infinity/);
      const few = tf.slice(x, [0, 0, 0, 0], [3, 8, 8, 3]);
      await refused(
        columnCKA(model, { x: few, y: [0, 1, 2] }),
        /hold 3 examples; expected at least/,
      );
      async function* threes() {
        for (let i = 0; i < 3; i++) {
          yield await Promise.resolve({ xs: tf.clone(few), ys: tf.oneHot([0, 1, 2], 3) });
        }
      }
      await refused(
        columnCKA(model, threes()),
        /columnCKA: the data hold 9 examples, but no batch of at least 4/,
      );
      few.dispose();
      const flat = tf.zeros([6, 3]);
      await refused(
        columnCKA(model, { x: flat, y }),
        /shape \[6, 3\]; the model .* takes \[null, 8, 8, 3\]/,
      );
      const wide = tf.zeros([6, 16, 16, 3]);
      await refused(columnCKA(model, { x: wide, y }), /shape \[6, 16, 16, 3\]; the model/);
      wide.dispose();
      await refused(linearCKA(flat, x), /x is the same for all 6 examples/);
      flat.dispose();
      const controller = new AbortController();
      const stopped = columnCKA(
        model,
        { x, y },
        {
          batchSize: 4,
          signal: controller.signal,
          onProgress: () => controller.abort(new Error('enough')),
        },
      );
      await refused(stopped, /enough/);
      expect(() => columnFeatures(model, x, { pooling: 'max' as never })).toThrow(
        /pooling is "max"/,
      );
      expect(() => columnFeatures(model, [] as never)).toThrow(
        /inputs is \[\]; expected the model's/,
      );
    });
    tf.dispose([x, nan]);
    for (const one of [model, plain, two]) one.dispose();
  });
});
