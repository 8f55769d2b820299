import * as tf from '@tensorflow/tfjs';

import { MultiHeadAttention } from 'tfjs-revcol';
import { describeBackends, expectClose, expectNoLeak } from '../../support/backends';
import { describeGoldens, type Golden, readGolden } from '../../support/goldens';
import { attentionValue, goldenTensor } from './golden_attention';

const OUTPUT = 1e-5;
const GRADIENT = 1e-4;

/** Name of a weight below its layer. */
function localName(weight: tf.LayerVariable): string {
  return weight.originalName.split('/').slice(1).join('/');
}

/**
 * Asserts a gradient. That of the keys' bias is exactly 0 with dot products, since it shifts all
 * scores of a query alike; what the golden holds there is rounding.
 */
function expectGradient(got: tf.Tensor, golden: Golden, name: string, isDot: boolean): void {
  const expected = attentionValue(golden, 'grad', name, got.shape);
  if (name !== 'key/bias' || !isDot) {
    expectClose(got, expected, GRADIENT, name);
    return;
  }
  expectClose(expected, tf.zerosLike(expected), 1e-6, name);
  expectClose(got, tf.zerosLike(got), 0, name);
}

/** Runs one golden: output, then gradients of `sum(y * dy)` with respect to inputs and weights. */
function check(
  golden: Golden,
  layer: MultiHeadAttention,
  inputs: string[],
  run: (xs: tf.Tensor[]) => tf.Tensor,
): void {
  tf.tidy(() => {
    const xs = inputs.map((name) => goldenTensor(golden, name));
    run(xs);
    for (const weight of layer.weights) {
      const shape = weight.shape as number[];
      weight.write(attentionValue(golden, 'weight', localName(weight), shape));
    }
    const variables = layer.weights.map((w) => w.read());
    const dy = goldenTensor(golden, 'dy');
    expectClose(run(xs), goldenTensor(golden, 'y'), OUTPUT, 'y');
    const { value, grads } = tf
      .engine()
      .gradients(() => tf.sum(tf.mul(run(xs), dy)), [...xs, ...variables]);
    expectClose(value, goldenTensor(golden, 'loss'), OUTPUT, 'loss');
    inputs.forEach((name, i) => {
      expectClose(grads[i] as tf.Tensor, goldenTensor(golden, `grad.${name}`), GRADIENT, name);
    });
    layer.weights.forEach((weight, i) => {
      const isDot = !golden.tensors.has('weight.logit_scale');
      expectGradient(grads[inputs.length + i] as tf.Tensor, golden, localName(weight), isDot);
    });
  });
}

describeGoldens('attention goldens', () => {
  describeBackends('multi-head attention', () => {
    const sizes = { numHeads: 4, keyDim: 4 };

    test.each([null, 1, 3])('causal and padded, chunks of %s', async (chunkSize) => {
      const golden = readGolden('attention_causal_padded.safetensors');
      await expectNoLeak(() => {
        const layer = new MultiHeadAttention({ ...sizes, useCausalMask: true, chunkSize });
        const mask = goldenTensor(golden, 'key_mask');
        check(golden, layer, ['x'], ([x]) => layer.apply(x as tf.Tensor, { mask }) as tf.Tensor);
        layer.dispose();
        mask.dispose();
      });
    });

    test.each([null, 2])('cross, chunks of %s', async (chunkSize) => {
      const golden = readGolden('attention_cross.safetensors');
      await expectNoLeak(() => {
        const layer = new MultiHeadAttention({ ...sizes, chunkSize });
        const mask = goldenTensor(golden, 'key_mask');
        check(
          golden,
          layer,
          ['x', 'memory'],
          ([x, memory]) => layer.apply([x, memory, memory, mask] as tf.Tensor[]) as tf.Tensor,
        );
        layer.dispose();
        mask.dispose();
      });
    });

    test.each([null, 3])('cosine, chunks of %s', async (chunkSize) => {
      const golden = readGolden('attention_cosine.safetensors');
      await expectNoLeak(() => {
        const layer = new MultiHeadAttention({ ...sizes, attention: 'cosine', chunkSize });
        const mask = goldenTensor(golden, 'key_mask');
        check(golden, layer, ['x'], ([x]) => layer.apply(x as tf.Tensor, { mask }) as tf.Tensor);
        layer.dispose();
        mask.dispose();
      });
    });
  });
});
