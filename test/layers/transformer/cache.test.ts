import * as tf from '@tensorflow/tfjs';

import { KeyValueCache, layers, MultiHeadAttention } from 'tfjs-revcol';
import { describeBackends, expectClose, expectNoLeak } from '../../support/backends';
import { normalTensor, randomizeWeights } from '../../support/training_step';

describeBackends('key/value cache', () => {
  const width = 8;

  test('multi-head attention, encoder and decoder: token by token equals all at once', async () => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const x = normalTensor([2, 6, width], 1);
        const memory = normalTensor([2, 4, width], 2);
        const mask = tf.tensor2d([1, 1, 1, 1, 1, 1, 0, 1, 1, 0, 1, 1], [2, 6]);
        const causal = { numHeads: 2, keyDim: 4, useCausalMask: true };
        const cases: [tf.layers.Layer, (u: tf.Tensor) => tf.Tensor | tf.Tensor[]][] = [
          [new MultiHeadAttention(causal), (u) => u],
          [layers.transformerEncoderBlock({ ...causal, attention: 'cosine' }), (u) => u],
          [layers.transformerDecoderBlock({ numHeads: 2 }), (u) => [u, memory]],
        ];
        for (const [layer, inputs] of cases) {
          layer.apply(inputs(x));
          randomizeWeights(layer.weights, 4);
          const whole = layer.apply(inputs(x), { mask }) as tf.Tensor;
          const cache = new KeyValueCache();
          const parts = [
            [0, 3],
            [3, 1],
            [4, 1],
            [5, 1],
          ].map(([start, count]) => {
            const u = tf.slice(x, [0, start as number, 0], [2, count as number, width]);
            const m = tf.slice(mask, [0, start as number], [2, count as number]);
            expect(cache.length).toBe(start);
            return layer.apply(inputs(u), { mask: m, cache }) as tf.Tensor;
          });
          expectClose(tf.concat(parts, 1), whole, 2e-6, layer.getClassName());
          cache.dispose();
          expect(cache.length).toBe(0);
          layer.dispose();
        }
      }),
    );
  });

  test('gather chooses entries of the batch', () => {
    tf.tidy(() => {
      const layer = layers.transformerDecoderBlock({ numHeads: 2 });
      const x = normalTensor([3, 4, width], 1);
      const memory = normalTensor([3, 2, width], 2);
      layer.apply([x, memory]);
      randomizeWeights(layer.weights, 4);
      const chosen = tf.tensor1d([2, 0, 2, 1], 'int32');
      const [start, next] = [
        tf.slice(x, [0, 0, 0], [3, 3, width]),
        tf.slice(x, [0, 3, 0], [3, 1, width]),
      ];
      const cache = new KeyValueCache();
      layer.apply([start, memory], { cache });
      cache.gather([2, 0, 2, 1]);
      const got = layer.apply([tf.gather(next, chosen), tf.gather(memory, chosen)], { cache });
      const whole = layer.apply([x, memory]) as tf.Tensor;
      const expected = tf.gather(tf.slice(whole, [0, 3, 0], [3, 1, width]), chosen);
      expectClose(got as tf.Tensor, expected, 2e-6);
      cache.dispose();
      layer.dispose();
    });
  });

  test('a cache is refused in training, without a causal mask, and for another batch', async () => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const x = normalTensor([2, 3, width], 1);
        const cache = new KeyValueCache();
        const block = layers.transformerEncoderBlock({ numHeads: 2 });
        expect(() => block.apply(x, { cache })).toThrow('set useCausalMask: true');
        const causal = layers.transformerEncoderBlock({ numHeads: 2, useCausalMask: true });
        expect(() => causal.apply(x, { cache, training: true })).toThrow(
          'cache is given in training',
        );
        expect(() => tf.grad((u: tf.Tensor) => causal.apply(u, { cache }) as tf.Tensor)(x)).toThrow(
          'cache is given in training',
        );
        causal.apply(x, { cache });
        expect(() => causal.apply(tf.zeros([1, 1, width]), { cache })).toThrow(
          'batch of 1 given after one of 2',
        );
        cache.dispose();
        block.dispose();
        causal.dispose();
      }),
    );
  });
});
