import * as tf from '@tensorflow/tfjs';

import { KeyValueCache, layers } from 'tfjs-revcol';
import { describeBackends, expectClose, expectNoLeak } from '../../support/backends';
import { normalTensor, randomizeWeights } from '../../support/training_step';
import { backboneArgs, IDS, makeModel, VOCABULARY, WIDTH } from './small_network';

describeBackends('masks and causality of isotropic columns', () => {
  test('masks made by the stem reach every block, in tf.model and tf.sequential', () => {
    tf.tidy(() => {
      const model = makeModel(backboneArgs());
      const sequential = tf.sequential({
        layers: [layers.revColBackbone({ ...backboneArgs(), inputShape: [null], dtype: 'int32' })],
      });
      sequential.setWeights(model.getWeights());
      const short = tf.tensor2d([[3, 1, 4, 1]], undefined, 'int32');
      const padded = tf.tensor2d([[3, 1, 4, 1, 0, 0]], undefined, 'int32');
      for (const m of [model, sequential]) {
        const expected = m.predict(short) as tf.Tensor;
        const got = tf.slice(m.predict(padded) as tf.Tensor, [0, 0, 0], [1, 4, WIDTH]);
        expectClose(got, expected, 2e-6, m.getClassName());
      }
      // Without the mask padding is seen.
      const stem = layers.tokenEmbedding({
        inputDim: VOCABULARY,
        outputDim: WIDTH,
        positions: 'learned',
        sequenceLength: 8,
      });
      const unmasked = makeModel(backboneArgs({}, { stem }));
      unmasked.setWeights(model.getWeights());
      const seen = tf.slice(unmasked.predict(padded) as tf.Tensor, [0, 0, 0], [1, 4, WIDTH]);
      expect(() => expectClose(seen, model.predict(short) as tf.Tensor, 1e-2)).toThrow();
    });
  });

  test('a mask of an embedding before the backbone reaches every block and what follows', () => {
    tf.tidy(() => {
      const ids = tf.input({ shape: [null], dtype: 'int32' });
      const embedded = tf.layers
        .embedding({ inputDim: VOCABULARY, outputDim: 5, maskZero: true })
        .apply(ids) as tf.SymbolicTensor;
      const stem = layers.revColStem({ filters: WIDTH });
      const features = layers.revColBackbone(backboneArgs({}, { stem })).apply(embedded);
      const block = layers.transformerEncoderBlock({ numHeads: 2 });
      const outputs = block.apply(features) as tf.SymbolicTensor;
      const model = tf.model({ inputs: ids, outputs });
      randomizeWeights(model.weights, 7);
      const expected = model.predict(tf.tensor2d([[3, 1, 4]], undefined, 'int32')) as tf.Tensor;
      const padded = model.predict(tf.tensor2d([[3, 1, 4, 0, 0]], undefined, 'int32'));
      expectClose(tf.slice(padded as tf.Tensor, [0, 0, 0], [1, 3, WIDTH]), expected, 2e-6);
    });
  });

  test('no mask of tokens goes on behind a head', async () => {
    const UNITS = 4;
    const model = makeModel(backboneArgs());
    const [ids] = model.inputs as [tf.SymbolicTensor];
    const [features] = model.outputs as [tf.SymbolicTensor];
    const logits = layers.revColHead({ units: UNITS }).apply(features) as tf.SymbolicTensor;
    const dense = tf.layers.dense({ units: UNITS }).apply(logits) as tf.SymbolicTensor;
    const softmax = (x: tf.SymbolicTensor) => tf.layers.softmax().apply(x) as tf.SymbolicTensor;
    // An image in a later branch, whose own head has no mask either.
    const image = tf.input({ shape: [4, 4, 3] });
    const onImage = layers.revColHead({ units: UNITS }).apply(image) as tf.SymbolicTensor;
    const outputs = [logits, softmax(logits), dense, softmax(dense), onImage, softmax(onImage)];
    const full = tf.model({ inputs: [ids, image], outputs });
    randomizeWeights(full.weights, 5);
    const nested = tf.sequential({
      layers: [tf.model({ inputs: ids, outputs: logits }), tf.layers.softmax()],
    });
    const inputs = tf.tidy(() => [
      // As many tokens as classes, so that a mask would fit.
      tf.tensor2d([[3, 1, 0, 0]], undefined, 'int32'),
      normalTensor([1, 4, 4, 3], 1),
    ]);
    await expectNoLeak(() =>
      tf.tidy(() => {
        for (const run of [full.predict, full.apply]) {
          const got = run.call(full, inputs as tf.Tensor[]) as tf.Tensor[];
          for (const i of [0, 2, 4]) {
            expectClose(got[i + 1] as tf.Tensor, tf.softmax(got[i] as tf.Tensor), 1e-5);
          }
          expectClose(
            nested.predict(inputs[0] as tf.Tensor) as tf.Tensor,
            got[1] as tf.Tensor,
            1e-5,
          );
        }
      }),
    );
    // Training goes the same way: two steps of what the probabilities say.
    full.compile({ optimizer: tf.train.sgd(0), loss: 'categoricalCrossentropy' });
    const labels = tf.tensor2d([[0, 0, 0, 1]]);
    const losses = (await full.trainOnBatch(
      inputs as tf.Tensor[],
      outputs.map(() => labels),
    )) as number[];
    tf.tidy(() => {
      const got = full.predict(inputs as tf.Tensor[]) as tf.Tensor[];
      const expected = tf.neg(tf.log(tf.slice(got[1] as tf.Tensor, [0, 3], [1, 1])));
      expectClose(tf.scalar(losses[2] as number), tf.reshape(expected, []), 1e-4);
    });
    tf.dispose([...inputs, labels]);
    full.dispose();
  });

  test('a call by hand leaves its arguments as they are', () => {
    tf.tidy(() => {
      const head = layers.revColHead({ units: 3 });
      const x = normalTensor([1, 4, WIDTH], 1);
      const kwargs = { mask: tf.tensor2d([[1, 1, 0, 0]]) };
      const first = head.apply(x, kwargs) as tf.Tensor;
      expectClose(head.apply(x, kwargs) as tf.Tensor, first, 0);
      expect(Object.keys(kwargs)).toEqual(['mask']);
    });
  });

  test('causal columns: no output depends on a later token', () => {
    tf.tidy(() => {
      const model = makeModel(backboneArgs({ useCausalMask: true }, { output: 'columns' }));
      const [a, b] = [
        [3, 1, 4, 1, 5, 9],
        [3, 1, 4, 2, 6, 5],
      ].map((ids) => model.predict(tf.tensor2d([ids], undefined, 'int32')) as tf.Tensor[]);
      a?.forEach((y, i) => {
        const [head, other] = [y, b?.[i] as tf.Tensor].map((u) =>
          tf.slice(u, [0, 0, 0], [1, 3, WIDTH]).dataSync(),
        );
        expect(head).toEqual(other);
        expect(() => expectClose(y, b?.[i] as tf.Tensor, 1e-2)).toThrow();
      });
    });
  });

  test.each(['reversible', 'stored'] as const)(
    'causal columns, %s: no gradient flows to a later token',
    (backprop) => {
      tf.tidy(() => {
        const stem = layers.revColStem({ filters: WIDTH });
        const args = backboneArgs({ useCausalMask: true }, { stem, backprop });
        const backbone = layers.revColBackbone(args);
        const x = normalTensor([2, 6, 5], 1);
        backbone.apply(x);
        randomizeWeights(backbone.weights, 3);
        const dx = tf.grad((u: tf.Tensor) =>
          tf.sum(tf.slice(backbone.apply(u) as tf.Tensor, [0, 0, 0], [2, 3, WIDTH])),
        )(x);
        expect(tf.max(tf.abs(tf.slice(dx, [0, 3, 0], [2, 3, 5]))).dataSync()[0]).toBe(0);
        expect(tf.max(tf.abs(tf.slice(dx, [0, 2, 0], [2, 1, 5]))).dataSync()[0]).toBeGreaterThan(0);
        backbone.dispose();
      });
    },
  );

  test("padding of an encoder is hidden from a decoder's cross-attention", () => {
    tf.tidy(() => {
      const source = tf.input({ shape: [null], dtype: 'int32' });
      const target = tf.input({ shape: [null], dtype: 'int32' });
      const memory = layers.revColBackbone(backboneArgs()).apply(source) as tf.SymbolicTensor;
      const hidden = layers.paddingMask().apply(source) as tf.SymbolicTensor;
      const embedding = layers.tokenEmbedding({
        inputDim: VOCABULARY,
        outputDim: WIDTH,
        maskZero: true,
        positions: 'sinusoidal',
      });
      const decoder = layers.transformerDecoderBlock({ numHeads: 2 });
      const outputs = decoder.apply([
        embedding.apply(target) as tf.SymbolicTensor,
        memory,
        hidden,
      ]) as tf.SymbolicTensor;
      const model = tf.model({ inputs: [source, target], outputs });
      randomizeWeights(model.weights, 7);
      const predict = (sourceIds: number[], targetIds: number[]) =>
        model.predict([
          tf.tensor2d([sourceIds], undefined, 'int32'),
          tf.tensor2d([targetIds], undefined, 'int32'),
        ]) as tf.Tensor;
      const expected = predict([3, 1, 4], [5, 2]);
      const padded = predict([3, 1, 4, 0, 0], [5, 2, 0, 0]);
      expectClose(tf.slice(padded, [0, 0, 0], [1, 2, WIDTH]), expected, 2e-6);
    });
  });

  test('the mask of another branch of the model is not used', () => {
    tf.tidy(() => {
      const embed = (embedding: tf.layers.Layer) => {
        const ids = tf.input({ shape: [null], dtype: 'int32' });
        const block = layers.transformerEncoderBlock({ numHeads: 2 });
        const features = block.apply(embedding.apply(ids) as tf.SymbolicTensor);
        return { ids, features: features as tf.SymbolicTensor };
      };
      const own = (maskZero: boolean) =>
        embed(layers.tokenEmbedding({ inputDim: 9, outputDim: WIDTH, maskZero }));
      const first = own(true);
      const join = (second: typeof first) =>
        tf.model({
          inputs: [first.ids, second.ids],
          outputs: [first.features, second.features],
        });
      const second = own(false);
      const model = join(second);
      randomizeWeights(model.weights, 3);
      const ids = [
        [1, 2, 0, 0],
        [3, 0, 5, 0],
      ].map((row) => tf.tensor2d([row], [1, 4], 'int32'));
      const [, got] = model.predict(ids) as tf.Tensor[];
      const alone = tf.model({ inputs: second.ids, outputs: second.features });
      expectClose(got as tf.Tensor, alone.predict(ids[1] as tf.Tensor) as tf.Tensor, 1e-6);
      // Behind layers of tfjs it cannot be taken away, and is refused where it does not fit.
      const stock = embed(tf.layers.embedding({ inputDim: 9, outputDim: WIDTH }));
      const longer = tf.ones([1, 5], 'int32');
      expect(() => join(stock).predict([ids[0] as tf.Tensor, longer])).toThrow('maskZero: true');
    });
  });

  test('masks reach columns that are put together by hand', () => {
    tf.tidy(() => {
      const ids = tf.input({ shape: [null], dtype: 'int32' });
      const stem = layers
        .tokenEmbedding({ inputDim: VOCABULARY, outputDim: WIDTH, maskZero: true })
        .apply(ids) as tf.SymbolicTensor;
      const options = {
        isotropic: true,
        channels: [WIDTH, WIDTH],
        depths: [1, 1],
        block: layers.transformerEncoderBlock({ numHeads: 2 }),
      };
      const first = layers.reversibleColumn(options).apply(stem) as tf.SymbolicTensor[];
      const last = layers
        .reversibleColumn({ ...options, output: 'last' })
        .apply([stem, ...first]) as tf.SymbolicTensor;
      const model = tf.model({ inputs: ids, outputs: last });
      randomizeWeights(model.weights, 7);
      const expected = model.predict(tf.tensor2d([[3, 1, 4]], undefined, 'int32')) as tf.Tensor;
      const padded = model.predict(tf.tensor2d([[3, 1, 4, 0, 0]], undefined, 'int32')) as tf.Tensor;
      expectClose(tf.slice(padded, [0, 0, 0], [1, 3, WIDTH]), expected, 2e-6);
    });
  });

  test('token by token equals all at once; nothing leaks', async () => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const backbone = layers.revColBackbone(backboneArgs({ useCausalMask: true }));
        const ids = tf.tensor2d(IDS, undefined, 'int32');
        backbone.apply(ids);
        randomizeWeights(backbone.weights, 3);
        const whole = backbone.apply(ids) as tf.Tensor;
        const cache = new KeyValueCache();
        const parts = [
          [0, 3],
          [3, 1],
          [4, 2],
        ].map(
          ([start, count]) =>
            backbone.apply(tf.slice(ids, [0, start as number], [2, count as number]), {
              cache,
            }) as tf.Tensor,
        );
        expectClose(tf.concat(parts, 1), whole, 2e-6);
        cache.dispose();
        const blind = layers.revColBackbone(backboneArgs());
        expect(() => blind.apply(ids, { cache })).toThrow('set useCausalMask: true');
        backbone.dispose();
        blind.dispose();
      }),
    );
  });
});

test('the reconstruction error is that of masked features', async () => {
  const backbone = layers.revColBackbone(backboneArgs());
  const ids = tf.tensor2d(IDS, undefined, 'int32');
  tf.dispose(backbone.apply(ids) as tf.Tensor);
  const errors = await backbone.reconstructionErrorAsync(ids);
  expect(errors.length).toBe(2);
  for (const { levels } of errors) for (const e of levels) expect(e).toBeLessThan(1e-3);
  backbone.dispose();
  ids.dispose();
});

test('a mask that does not fit what the stem gives is refused', async () => {
  const backbone = layers.revColBackbone(
    backboneArgs({}, { stem: layers.revColStem({ filters: WIDTH }) }),
  );
  const x = normalTensor([2, 4, 5], 1);
  tf.dispose(backbone.apply(x) as tf.Tensor);
  const mask = tf.ones([2, 5]);
  await expectNoLeak(() => {
    expect(() => backbone.apply(x, { mask })).toThrow('mask of shape [2, 5]');
  });
  tf.dispose([x, mask]);
  backbone.dispose();
});
