/** Layers give a batch of nothing back in its shape, and zeros as gradients. */
import * as tf from '@tensorflow/tfjs';

import { layers } from 'tfjs-revcol';
import { describeBackends, expectNoLeak } from '../support/backends';

/** The sum of all elements, of which there may be none: tfjs's `sum` of nothing throws on webgl. */
const sumOf = (all: readonly tf.Tensor[]): tf.Scalar =>
  tf.sum(tf.concat([tf.zeros([1]), ...all.map((y) => tf.reshape(y, [y.size]))]));

describeBackends('an empty batch', (backend) => {
  const sequences = () =>
    layers.revColBackbone({
      columns: 2,
      channels: [4, 4],
      depths: [1, 1],
      block: layers.transformerEncoderBlock({ numHeads: 2 }),
    });
  const NETWORKS: Record<string, [make: () => tf.layers.Layer, shape: number[]]> = {
    'of images': [
      () => layers.revColBackbone({ columns: 2, patchSize: 2, channels: [4, 6], depths: [1, 1] }),
      [9, 8, 3],
    ],
    'of sequences': [sequences, [5, 3]],
    'of features to classify': [() => layers.revColHead({ units: 3 }), [4, 4, 6]],
    'of images to cut': [() => layers.patchEmbedding({ filters: 4, patchSize: 2 }), [4, 4, 3]],
  };

  /** Heads of segmenters and detectors: a list of outputs, of a list of inputs. */
  const HEADS: Record<string, [make: () => tf.layers.Layer, shapes: number[][]]> = {
    'of a pyramid': [
      () => layers.uperHead({ units: 2, filters: 5 }),
      [
        [6, 5, 3],
        [3, 3, 4],
      ],
    ],
    'of a level': [() => layers.fcnHead({ units: 2, filters: 5 }), [[3, 4, 3]]],
    'of a pyramid to extend': [() => layers.fpn({ filters: 5, outputs: 3 }), [[6, 5, 3], [3, 3, 4]]], // prettier-ignore
    'of levels with anchors': [
      () => layers.rpnHead({ strides: [4, 8] }),
      [
        [6, 5, 3],
        [3, 3, 3],
      ],
    ],
    'of regions': [() => layers.boxHead({ units: 1, hidden: 3, convs: 1 }), [[7, 7, 4]]],
    'of regions with masks': [() => layers.maskHead({ units: 2, convs: 1 }), [[4, 4, 3]]],
    'of regions of a cascade': [
      () => layers.cascadeHead({ units: 2, hidden: 3, convs: 1 }),
      [[3, 3, 4], [4, 4, 4]], // prettier-ignore
    ],
  };
  test.each(Object.entries(HEADS))('%s', (_, [make, shapes]) =>
    expectNoLeak(() => {
      const layer = make();
      tf.tidy(() => {
        const call = (batch: number) => {
          const x = shapes.map((shape) => tf.zeros([batch, ...shape]));
          return [layer.apply(x.length === 1 ? (x[0] as tf.Tensor) : x)].flat() as tf.Tensor[];
        };
        const full = call(2);
        expect(call(0).map(({ shape }) => shape)).toEqual(
          full.map(({ shape }) => [0, ...shape.slice(1)]),
        );
        const { grads } = tf.variableGrads(() => sumOf(call(0)));
        const trained = layer.trainableWeights.length;
        expect(Object.keys(grads)).toHaveLength(trained);
        for (const gradient of Object.values(grads)) {
          expect(gradient.dataSync().every((value) => value === 0)).toBe(true);
        }
      });
      layer.dispose();
    }),
  );

  // The gradient of tfjs's own `add` sums a bias's gradient over nothing, which throws there.
  const here = Object.entries(NETWORKS).filter(
    ([name]) => backend !== 'webgl' || name !== 'of images to cut',
  );
  test.each(here)('%s', (_, [make, shape]) =>
    expectNoLeak(() => {
      const layer = make();
      tf.tidy(() => {
        const full = layer.apply(tf.ones([2, ...shape])) as tf.Tensor;
        const x = tf.zeros([0, ...shape]);
        expect((layer.apply(x) as tf.Tensor).shape).toEqual([0, ...full.shape.slice(1)]);
        const { grads } = tf.variableGrads(() =>
          sumOf([layer.apply(x, { training: true }) as tf.Tensor]),
        );
        const trained = layer.trainableWeights.length;
        expect(Object.keys(grads)).toHaveLength(trained);
        for (const gradient of Object.values(grads)) {
          expect(gradient.dataSync().every((value) => value === 0)).toBe(true);
        }
      });
      layer.dispose();
    }),
  );
});
