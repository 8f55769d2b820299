import * as tf from '@tensorflow/tfjs';

import {
  layers,
  LearnedPositions,
  PatchEmbedding,
  SinusoidalPositions,
  TokenEmbedding,
} from 'tfjs-revcol';
import { describeBackends, expectClose, expectNoLeak } from '../../support/backends';
import { normalTensor, takeStep } from '../../support/training_step';

describeBackends('embeddings and positions', () => {
  test('token embedding: gradients are sums over equal tokens, as of the stock layer', () => {
    tf.tidy(() => {
      const ids = tf.tensor2d([3, 1, 3, 0, 3, 4], [2, 3], 'int32');
      const dy = normalTensor([2, 3, 4], 5);
      const ours = new TokenEmbedding({ inputDim: 6, outputDim: 4 });
      const stock = tf.layers.embedding({ inputDim: 6, outputDim: 4 });
      for (const layer of [ours, stock]) layer.apply(ids);
      stock.setWeights(ours.getWeights());
      expectClose(ours.apply(ids) as tf.Tensor, stock.apply(ids) as tf.Tensor, 0);
      const [got, expected] = [ours, stock].map((layer) => {
        const loss = () => tf.sum(tf.mul(layer.apply(ids) as tf.Tensor, dy));
        return takeStep(loss, layer.weights).gradients;
      });
      expectClose(
        [...(got?.values() ?? [])][0] as Float32Array,
        [...(expected?.values() ?? [])][0] as Float32Array,
        1e-6,
      );
      ours.dispose();
      stock.dispose();
    });
  });

  test('token embedding: floats that hold ids, scale, both kinds of positions', () => {
    tf.tidy(() => {
      const ids = tf.tensor2d([1, 2, 2, 0], [2, 2]);
      const plain = new TokenEmbedding({ inputDim: 3, outputDim: 4 });
      const x = plain.apply(ids) as tf.Tensor;
      for (const positions of ['learned', 'sinusoidal'] as const) {
        const layer = new TokenEmbedding({
          inputDim: 3,
          outputDim: 4,
          positions,
          sequenceLength: 5,
          scale: 2,
        });
        layer.apply(ids);
        const [, table] = layer.getWeights();
        layer.setWeights([plain.getWeights()[0] as tf.Tensor, ...(table ? [table] : [])]);
        const adder =
          positions === 'learned'
            ? new LearnedPositions({ sequenceLength: 5 })
            : new SinusoidalPositions();
        adder.apply(x);
        if (table) adder.setWeights([table]);
        for (const startIndex of [0, 3]) {
          const expected = adder.apply(tf.mul(x, 2), { startIndex }) as tf.Tensor;
          expectClose(layer.apply(ids, { startIndex }) as tf.Tensor, expected, 0, positions);
        }
        expect(() => layer.apply(ids, { startIndex: 4 })).toThrow(
          'tokens 4 to 5 given, but sequenceLength is 5',
        );
      }
    });
  });

  test('learned positions: gradient is the sum over the batch, at its place', () => {
    tf.tidy(() => {
      const layer = new LearnedPositions({ sequenceLength: 5 });
      const x = normalTensor([3, 2, 4], 1);
      const dy = normalTensor([3, 2, 4], 2);
      layer.apply(x);
      const loss = () => tf.sum(tf.mul(layer.apply(x, { startIndex: 2 }) as tf.Tensor, dy));
      const { gradients, input } = takeStep(loss, layer.weights, x);
      const expected = tf.pad(tf.sum(dy, 0) as tf.Tensor2D, [
        [2, 1],
        [0, 0],
      ]);
      expectClose([...gradients.values()][0] as Float32Array, expected, 1e-6);
      expectClose(input as Float32Array, dy, 0);
      layer.dispose();
    });
  });

  test('sinusoids are those of the paper', () => {
    tf.tidy(() => {
      const layer = new SinusoidalPositions({ maxWavelength: 100 });
      const y = (layer.apply(tf.zeros([1, 3, 4]), { startIndex: 7 }) as tf.Tensor).dataSync();
      const expected = [7, 8, 9].flatMap((p) => [
        Math.sin(p),
        Math.cos(p),
        Math.sin(p / 10),
        Math.cos(p / 10),
      ]);
      expectClose(y, expected, 1e-6);
    });
  });

  test('patch embedding: patches row by row', () => {
    tf.tidy(() => {
      const layer = new PatchEmbedding({ filters: 1, patchSize: 2 });
      const x = tf.reshape(tf.range(0, 4 * 6), [1, 4, 6, 1]);
      layer.apply(x);
      layer.setWeights([tf.ones([2, 2, 1, 1]), tf.zeros([1]), tf.zeros([6, 1])]);
      const y = layer.apply(x) as tf.Tensor;
      expect(y.shape).toEqual([1, 6, 1]);
      const sums = [0, 2, 4, 12, 14, 16].map((i) => 4 * i + 1 + 6 + 7);
      expect([...y.dataSync()]).toEqual(sums);
      layer.dispose();
    });
  });

  test('nothing leaks, with maskZero neither', async () => {
    const ids = tf.tensor2d([1, 2, 0], [1, 3], 'int32');
    const layer = layers.tokenEmbedding({
      inputDim: 3,
      outputDim: 4,
      maskZero: true,
      positions: 'learned',
      sequenceLength: 3,
      dropout: 0.2,
    });
    (layer.apply(ids) as tf.Tensor).dispose();
    await expectNoLeak(() => (layer.apply(ids, { training: true }) as tf.Tensor).dispose());
    tf.dispose(ids);
    layer.dispose();
  });
});
