import * as tf from '@tensorflow/tfjs';

import { MultiHeadAttention, TransformerDecoderBlock } from 'tfjs-revcol';
import { describeBackends, expectClose, expectNoLeak } from '../../support/backends';
import { normalTensor, randomizeWeights } from '../../support/training_step';

describeBackends('decoder block', () => {
  /** A built block, its inputs, and weights far from their initial values. */
  function setUp(args: Partial<ConstructorParameters<typeof TransformerDecoderBlock>[0]> = {}) {
    const block = new TransformerDecoderBlock({ numHeads: 2, ...args });
    const x = normalTensor([2, 5, 8], 1);
    const memory = normalTensor([2, 4, 6], 2);
    const memoryMask = tf.tensor2d([1, 1, 0, 0, 1, 1, 1, 0], [2, 4]);
    tf.dispose(block.apply([x, memory, memoryMask]) as tf.Tensor);
    randomizeWeights(block.weights, 3);
    return { block, x, memory, memoryMask };
  }

  test.each(['pre', 'post'] as const)('%s: is attention layers and norms put together', (norm) => {
    tf.tidy(() => {
      const { block, x, memory, memoryMask } = setUp({ norm, attention: 'cosine' });
      const at = (name: string) =>
        block.weights.filter((w) => w.originalName.includes(`/${name}/`)).map((w) => w.read());
      const mha = (prefix: string, useCausalMask: boolean, inputs: tf.Tensor[]) => {
        const layer = new MultiHeadAttention({
          numHeads: 2,
          keyDim: 4,
          attention: 'cosine',
          useCausalMask,
        });
        layer.apply(inputs);
        layer.setWeights(at(prefix).concat(at(prefix.replace('attention', 'x'))));
        return layer.apply(inputs) as tf.Tensor;
      };
      const layerNorm = (prefix: string, u: tf.Tensor) => {
        const [gamma, beta] = at(prefix) as [tf.Tensor, tf.Tensor];
        const { mean, variance } = tf.moments(u, -1, true);
        const xhat = tf.div(tf.sub(u, mean), tf.sqrt(tf.add(variance, 1e-6)));
        return tf.add(tf.mul(xhat, gamma), beta);
      };
      const mlp = (u: tf.Tensor) => {
        const [w1, b1, w2, b2] = at('feedforward') as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
        const dense = (v: tf.Tensor, w: tf.Tensor, b: tf.Tensor) =>
          tf.add(tf.matMul(tf.reshape(v, [-1, w.shape[0] as number]), w as tf.Tensor2D), b);
        const hidden = dense(u, w1, b1);
        const activated = tf.mul(
          tf.mul(hidden, 0.5),
          tf.add(tf.erf(tf.div(hidden, Math.SQRT2)), 1),
        );
        return tf.reshape(dense(activated, w2, b2), u.shape);
      };
      const branches: [string, (u: tf.Tensor) => tf.Tensor][] = [
        ['self_attention_norm', (u) => mha('self_attention', true, [u])],
        [
          'cross_attention_norm',
          (u) => mha('cross_attention', false, [u, memory, memory, memoryMask]),
        ],
        ['feedforward_norm', mlp],
      ];
      const expected = branches.reduce(
        (u, [name, f]) => tf.add(u, norm === 'pre' ? f(layerNorm(name, u)) : layerNorm(name, f(u))),
        x,
      );
      expectClose(block.apply([x, memory, memoryMask]) as tf.Tensor, expected, 5e-6);
      block.dispose();
    });
  });

  test('causal, and blind to hidden memory', () => {
    tf.tidy(() => {
      const { block, x, memory, memoryMask } = setUp();
      const y = block.apply([x, memory, memoryMask]) as tf.Tensor;
      const hidden = tf.expandDims(tf.sub(1, memoryMask), -1);
      const otherMemory = tf.add(memory, tf.mul(hidden, normalTensor([2, 4, 6], 9)));
      const tail = tf.pad(normalTensor([2, 2, 8], 8) as tf.Tensor3D, [
        [0, 0],
        [3, 0],
        [0, 0],
      ]);
      const z = block.apply([tf.add(x, tail), otherMemory, memoryMask]) as tf.Tensor;
      const head = (u: tf.Tensor) => tf.slice(u, [0, 0, 0], [2, 3, 8]).dataSync();
      expect(head(z)).toEqual(head(y));
      block.dispose();
    });
  });

  test('gradients reach x, memory and every weight; nothing leaks', async () => {
    const { block, x, memory, memoryMask } = setUp({ dropout: 0.1, attentionDropout: 0.1 });
    await expectNoLeak(() => {
      const loss = () =>
        tf.sum(tf.square(block.apply([x, memory, memoryMask], { training: true }) as tf.Tensor));
      const { value, grads } = tf.tidy(() =>
        tf.engine().gradients(loss, [x, memory, ...block.weights.map((w) => w.read())]),
      );
      expect(grads.length).toBe(2 + block.weights.length);
      grads.forEach((g, i) => {
        const largest = tf.tidy(() => tf.max(tf.abs(g)).dataSync()[0] as number);
        // The keys' bias has no effect on dot products.
        const isKeyBias = /key\/bias$/.test(block.weights[i - 2]?.originalName ?? '');
        expect(largest > 0).toBe(!isKeyBias);
      });
      tf.dispose([value, grads]);
    });
    tf.dispose([x, memory, memoryMask]);
    block.dispose();
  });

  test('wrong calls are refused', () => {
    tf.tidy(() => {
      const { block, x, memory } = setUp();
      expect(() => block.apply(x)).toThrow('was built with cross-attention');
      expect(() => block.apply([x, memory, tf.ones([2, 3])])).toThrow('mask of shape [2, 3]');
      block.dispose();
    });
  });
});
