import * as tf from '@tensorflow/tfjs';

import { layers, type RevColBackbone } from 'tfjs-revcol';
import { goldenTensor } from '../../ops/attention/golden_attention';
import { describeBackends, expectClose, expectNoLeak } from '../../support/backends';
import { describeGoldens, type Golden, readGolden } from '../../support/goldens';
import { isotropicValue } from './golden_isotropic';

const OUTPUT = 1e-5;
const GRADIENT = 1e-4;
/**
 * Bound on single weights' gradients of the patches. That network amplifies rounding: in float64, one
 * float32 rounding per operation moves single gradients by 4e-5, and the golden's own are up to
 * 7e-5 off the exact ones. All gradients together are held to `GRADIENT` there as well.
 */
const SINGLE_PATCH_GRADIENT = 3e-4;
const WIDTH = 16;

type Backprop = 'reversible' | 'stored';

function write(golden: Golden, weights: readonly tf.LayerVariable[]): void {
  for (const weight of weights) {
    tf.tidy(() => {
      const shape = weight.shape as number[];
      const value = isotropicValue(golden, 'weight', weight.originalName, shape);
      if (value) weight.write(value);
    });
  }
}

/** Compares gradients, each by itself and all together. */
function checkGradients(
  golden: Golden,
  weights: readonly tf.LayerVariable[],
  loss: () => tf.Tensor,
  single = GRADIENT,
): void {
  const trainable = weights.filter((w) => !/column_0\/level_\d+\/alpha$/.test(w.originalName));
  const { value, grads } = tf.engine().gradients(
    loss,
    trainable.map((w) => w.read()),
  );
  expectClose(value, goldenTensor(golden, 'loss'), OUTPUT, 'loss');
  const all: number[] = [];
  const exact: number[] = [];
  trainable.forEach((weight, i) => {
    const name = weight.originalName;
    const shape = weight.shape as number[];
    const expected = isotropicValue(golden, 'grad', name, shape) as tf.Tensor;
    const got = grads[i] as tf.Tensor;
    if (/attention\/key\/bias$/.test(name) && !golden.tensors.has('weight.patch.weight')) {
      // Exactly 0, see the attention goldens.
      expectClose(got, tf.zerosLike(got), 0, name);
      expectClose(expected, tf.zerosLike(expected), 1e-5, name);
      return;
    }
    expectClose(got, expected, single, name);
    all.push(...got.dataSync());
    exact.push(...expected.dataSync());
  });
  expectClose(all, exact, GRADIENT, 'all gradients together');
}

function tokens(golden: Golden, causal: boolean, backprop: Backprop): void {
  return tf.tidy(() => {
    const backbone = layers.revColBackbone({
      name: 'backbone',
      isotropic: true,
      columns: 5,
      channels: [WIDTH, WIDTH, WIDTH, WIDTH],
      depths: [1, 2, 1, 1],
      stem: layers.tokenEmbedding({
        inputDim: 50,
        outputDim: WIDTH,
        positions: 'learned',
        sequenceLength: 12,
        scale: 1,
      }),
      block: layers.transformerEncoderBlock({ numHeads: 4, useCausalMask: causal }),
      output: 'pyramid',
      backprop,
    });
    const head = tf.layers.dense({ units: 50, name: 'head' });
    const ids = goldenTensor(golden, 'ids');
    const mask = goldenTensor(golden, 'key_mask');
    const features = () => backbone.apply(ids, { mask, training: true }) as tf.Tensor[];
    const logits = () => head.apply(features()[3] as tf.Tensor) as tf.Tensor;
    logits();
    const weights = [...backbone.weights, ...head.weights];
    write(golden, weights);
    checkFeatures(golden, features(), 4);
    expectClose(logits(), goldenTensor(golden, 'logits'), OUTPUT, 'logits');
    const target = tf.oneHot(tf.reshape(goldenTensor(golden, 'target'), [-1]), 50);
    const real = tf.cast(tf.reshape(mask, [-1]), 'float32');
    const loss = () => {
      const flat = tf.reshape(logits(), [-1, 50]);
      const losses = tf.neg(tf.sum(tf.mul(tf.logSoftmax(flat), target), -1));
      return tf.div(tf.sum(tf.mul(losses, real)), tf.sum(real));
    };
    checkGradients(golden, weights, loss);
    backbone.dispose();
    head.dispose();
  });
}

function checkFeatures(golden: Golden, levels: tf.Tensor[], column: number): void {
  levels.forEach((level, l) => {
    const name = `column.${column}.level.${l}`;
    expectClose(level, goldenTensor(golden, name), OUTPUT, name);
  });
}

function patches(golden: Golden, backprop: Backprop): void {
  return tf.tidy(() => {
    const backbone: RevColBackbone = layers.revColBackbone({
      name: 'backbone',
      isotropic: true,
      columns: 4,
      channels: [WIDTH, WIDTH, WIDTH, WIDTH],
      depths: [1, 1, 1, 1],
      stem: layers.patchEmbedding({ filters: WIDTH, patchSize: 8 }),
      block: layers.transformerEncoderBlock({ numHeads: 4, norm: 'post', attention: 'cosine' }),
      output: 'pyramid',
      backprop,
    });
    const head = layers.revColHead({ units: 10, name: 'head' });
    const x = tf.transpose(goldenTensor(golden, 'x'), [0, 2, 3, 1]);
    const features = () => backbone.apply(x, { training: true }) as tf.Tensor[];
    const logits = () => head.apply(features()[3] as tf.Tensor) as tf.Tensor;
    logits();
    const weights = [...backbone.weights, ...head.weights];
    write(golden, weights);
    checkFeatures(golden, features(), 3);
    expectClose(logits(), goldenTensor(golden, 'logits'), OUTPUT, 'logits');
    const target = tf.oneHot(goldenTensor(golden, 'target') as tf.Tensor1D, 10);
    checkGradients(
      golden,
      weights,
      () => tf.losses.softmaxCrossEntropy(target, logits()),
      SINGLE_PATCH_GRADIENT,
    );
    backbone.dispose();
    head.dispose();
  });
}

describeGoldens('isotropic goldens', () => {
  describeBackends('isotropic columns', (backend) => {
    // The cpu backend is plain JavaScript; that both are the same there, smaller networks tell.
    const modes: Backprop[] = backend === 'cpu' ? ['reversible'] : ['reversible', 'stored'];
    test.each(modes)('padded tokens, %s', async (backprop) => {
      const golden = readGolden('isotropic_tokens_padded.safetensors');
      await expectNoLeak(() => tokens(golden, false, backprop));
    });

    test.each(modes)('causal tokens, %s', async (backprop) => {
      const golden = readGolden('isotropic_tokens_causal.safetensors');
      await expectNoLeak(() => tokens(golden, true, backprop));
    });

    test.each(modes)('patches, %s', async (backprop) => {
      const golden = readGolden('isotropic_patches.safetensors');
      await expectNoLeak(() => patches(golden, backprop));
    });
  });
});
