// Registers the kernels that stock convolutions need on wasm to be differentiated.
import 'tfjs-revcol';
import * as tf from '@tensorflow/tfjs';

import { ConvNextFunction } from '../../../src/ops/blocks/convnext';
import type { ConvNextWeights } from '../../../src/ops/blocks/convnext_weights';
import { FusionFunction, type PathWeights } from '../../../src/ops/blocks/fusion';
import { AutodiffFunction } from '../../../src/ops/reversible/autodiff_function';
import type { LevelContext, LevelFunction } from '../../../src/ops/reversible/level_function';
import { survivalMask } from '../../../src/ops/stochastic_depth';
import { describeBackends, expectClose, expectNoLeak } from '../../support/backends';
import { normalTensor } from '../../support/training_step';
import { tapeGradients } from '../gradient_check';
import {
  plainDepthwise,
  plainGelu,
  plainLayerNorm,
  plainLinear,
  plainNearest,
  plainPatchConv,
} from '../plain_ops';

const TRAINING: LevelContext = { training: true, seed: 3 };

function variable(shape: number[], seed: number): tf.Variable {
  return tf.tidy(() => tf.variable(normalTensor(shape, seed)));
}

/** The function's own gradients and outputs, in all its ways, against those of `plain` on the tape. */
function checkFunction(
  fn: LevelFunction,
  plain: (xs: tf.Tensor[]) => tf.Tensor,
  xs: tf.Tensor[],
  variables: tf.Variable[],
  context: LevelContext,
): void {
  const expected = plain(xs);
  const dy = normalTensor(expected.shape, 90);
  const all = [...xs, ...variables];
  const exact = tapeGradients(() => plain(xs), all, dy);
  const wanted = exact.slice(0, xs.length + fn.weights.length);
  const same = (got: readonly tf.Tensor[], what: string) => {
    expect(got.length).toBe(wanted.length);
    got.forEach((g, i) => expectClose(g, wanted[i] as tf.Tensor, 2e-5, `${what} ${i}`));
  };
  expectClose(fn.forward(xs, context), expected, 1e-5, 'forward');
  const { output, pullback } = fn.linearize(xs, context);
  expectClose(output, expected, 1e-5, 'linearized');
  const { dInputs, dWeights } = pullback(dy);
  same([...dInputs, ...dWeights], 'gradient');
  // On a tape, as stored mode runs it.
  same(tapeGradients(() => fn.forward(xs, context), all, dy).slice(0, wanted.length), 'recorded');
}

/** `pullback` must free what `linearize` kept. Outside of a tidy, which would hide it. */
function expectFreed(fn: LevelFunction, xs: tf.Tensor[], context: LevelContext): void {
  const before = tf.memory().numTensors;
  const { output, pullback } = fn.linearize(xs, context);
  const dy = tf.onesLike(output);
  const { dInputs, dWeights } = pullback(dy);
  tf.dispose([output, dy, ...dInputs, ...dWeights]);
  expect(tf.memory().numTensors - before).toBe(0);
}

function convNextWeights(c: number, m: number, k: number): ConvNextWeights<tf.Variable> {
  return {
    depthwiseKernel: variable([k, k, c, 1], 1),
    depthwiseBias: variable([c], 2),
    gamma: variable([c], 3),
    beta: variable([c], 4),
    expandKernel: variable([c, m], 5),
    expandBias: variable([m], 6),
    projectKernel: variable([m, c], 7),
    projectBias: variable([c], 8),
    layerScale: variable([c], 9),
  };
}

function plainConvNext(x: tf.Tensor, w: ConvNextWeights, mask: tf.Tensor | null): tf.Tensor {
  const normed = plainLayerNorm(
    plainDepthwise(x, w.depthwiseKernel, w.depthwiseBias),
    w.gamma,
    w.beta,
  );
  const hidden = plainGelu(plainLinear(normed, w.expandKernel, w.expandBias));
  const y = tf.mul(plainLinear(hidden, w.projectKernel, w.projectBias), w.layerScale);
  return tf.add(x, mask ? tf.mul(y, mask) : y);
}

/** @param shape of the kernel; `[out]` for a LayerNorm alone */
function pathWeights(shape: number[], seed: number): PathWeights<tf.Variable> {
  const out = shape.at(-1) as number;
  const norm = { gamma: variable([out], seed + 2), beta: variable([out], seed + 3) };
  if (shape.length === 1) return norm;
  return { kernel: variable(shape, seed), bias: variable([out], seed + 1), ...norm };
}

type Path = PathWeights<tf.Variable> | null;

function plainPath(x: tf.Tensor, path: Path, like: tf.Tensor | null): tf.Tensor {
  if (!path) return x;
  const projected = path.kernel
    ? (path.kernel.rank === 4 ? plainPatchConv : plainLinear)(x, path.kernel, path.bias)
    : x;
  const y = plainLayerNorm(projected, path.gamma, path.beta);
  if (!like || x.rank !== 4) return y;
  return plainNearest(y, like.shape[1] as number, like.shape[2] as number);
}

function plainFusion(xs: tf.Tensor[], paths: Path[]): tf.Tensor {
  const lower = plainPath(xs[0] as tf.Tensor, paths[0] as Path, null);
  return xs
    .slice(1)
    .reduce((sum, x, i) => tf.add(sum, plainPath(x, paths[i + 1] as Path, lower)), lower);
}

describeBackends('functions with gradients of their own equal stock operations', () => {
  test.each([
    [1, 0, true],
    [2, 0, true],
    [3, 0.5, true],
    [5, 0.5, false],
  ])('block with kernel side %d, dropped at %d, trainable %s', async (k, rate, trainable) => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const w = convNextWeights(4, 6, k);
        const fn = new ConvNextFunction(w, rate, trainable);
        const x = normalTensor([4, 4, 3, 4], 20);
        const mask = survivalMask(x.shape, rate, TRAINING.seed);
        expect(fn.weights.length).toBe(trainable ? 9 : 0);
        const plain = ([input]: tf.Tensor[]) => plainConvNext(input as tf.Tensor, w, mask);
        checkFunction(fn, plain, [x], Object.values(w) as tf.Variable[], TRAINING);
        // Not in training, nothing is dropped.
        const still = fn.forward([x], { ...TRAINING, training: false });
        expectClose(still, plainConvNext(x, w, null), 1e-5);
        tf.dispose(Object.values(w));
      }),
    );
  });

  const FUSIONS: [string, number[][], (number[] | null)[]][] = [
    ['level 0 of a first column', [[2, 4, 6, 3]], [null]],
    [
      'level 0',
      [
        [2, 4, 6, 3],
        [2, 2, 3, 5],
      ],
      [null, [5, 3]],
    ],
    [
      'level 0 with the top',
      [
        [2, 5, 7, 3],
        [2, 2, 3, 5],
        [2, 1, 1, 4],
      ],
      [null, [5, 3], [4, 3]],
    ],
    [
      'level 1',
      [
        [2, 4, 6, 3],
        [2, 1, 1, 4],
      ],
      [
        [2, 2, 3, 5],
        [4, 5],
      ],
    ],
    [
      'level 1 of odd sides',
      [
        [2, 7, 5, 3],
        [2, 1, 1, 4],
      ],
      [
        [2, 2, 3, 5],
        [4, 5],
      ],
    ],
    ['the top level', [[2, 4, 6, 3]], [[2, 2, 3, 5]]],
    [
      'rows',
      [
        [6, 3],
        [6, 5],
      ],
      [null, [5, 3]],
    ],
    [
      'sequences',
      [
        [2, 3, 4],
        [2, 3, 5],
      ],
      [
        [4, 6],
        [5, 6],
      ],
    ],
    [
      'sequences, by LayerNorms alone',
      [
        [2, 3, 4],
        [2, 3, 4],
        [2, 3, 4],
      ],
      [[4], [4], [4]],
    ],
    [
      'images, of which LayerNorms alone are enlarged',
      [
        [2, 5, 7, 4],
        [2, 2, 3, 4],
      ],
      [null, [4]],
    ],
  ];
  test.each(FUSIONS)('fusion of %s', async (_, shapes, kernels) => {
    await expectNoLeak(() =>
      tf.tidy(() => {
        const paths = kernels.map((shape, i) => (shape ? pathWeights(shape, 30 + 10 * i) : null));
        const variables = paths.flatMap((p) => Object.values(p ?? {}) as tf.Variable[]);
        const xs = shapes.map((shape, i) => normalTensor(shape, 1 + i));
        for (const trainable of [true, false]) {
          const fn = new FusionFunction(paths, trainable);
          expect(fn.weights.length).toBe(trainable ? variables.length : 0);
          checkFunction(fn, (inputs) => plainFusion(inputs, paths), xs, variables, TRAINING);
        }
        tf.dispose(variables);
      }),
    );
  });

  test('free their activations in the pullback', () => {
    const w = convNextWeights(4, 6, 3);
    const paths = [pathWeights([2, 2, 4, 5], 1), pathWeights([3, 5], 2)];
    const [x, upper] = [normalTensor([2, 4, 4, 4], 3), normalTensor([2, 1, 1, 3], 4)];
    expectFreed(new ConvNextFunction(w, 0.5, true), [x], TRAINING);
    expectFreed(new ConvNextFunction(w, 0, false), [x], TRAINING);
    expectFreed(new FusionFunction(paths, true), [x, upper], TRAINING);
    expectFreed(new FusionFunction([null], true), [x], TRAINING);
    const norms = [pathWeights([4], 5), pathWeights([3], 6)];
    expectFreed(new FusionFunction(norms.slice(0, 1), true), [x], TRAINING);
    expectFreed(new FusionFunction([null, norms[1] as Path], false), [upper, upper], TRAINING);
    expectFreed(
      new AutodiffFunction('test', ([y]) => tf.square(y as tf.Tensor), [], []),
      [x],
      TRAINING,
    );
    const weights = [w, ...paths, ...norms].flatMap((p) => Object.values(p) as tf.Variable[]);
    tf.dispose([x, upper, ...weights]);
  });

  test('stochastic depth drops samples as often as asked, and keeps the mean', () => {
    tf.tidy(() => {
      expect(survivalMask([4, 2], 0, 1)).toBeNull();
      const mask = survivalMask([20000, 3, 3, 2], 0.25, 7) as tf.Tensor;
      expect(mask.shape).toEqual([20000, 1, 1, 1]);
      const values = [...mask.dataSync()];
      expect(new Set(values)).toEqual(new Set([0, Math.fround(1 / 0.75)]));
      const dropped = values.filter((v) => v === 0).length / values.length;
      expect(Math.abs(dropped - 0.25)).toBeLessThan(0.01);
      expect([...(survivalMask([20000, 1], 0.25, 7) as tf.Tensor).dataSync()]).toEqual(values);
      expect([...(survivalMask([20000, 1], 0.25, 8) as tf.Tensor).dataSync()]).not.toEqual(values);
    });
  });

  test('a function of any code: frozen weights, unused inputs, an input passed through', () => {
    tf.tidy(() => {
      const w = variable([3], 1);
      const [x, y] = [normalTensor([2, 3], 2), normalTensor([2, 3], 3)];
      const dy = normalTensor([2, 3], 4);
      const scaled = new AutodiffFunction('test', ([a]) => tf.mul(a as tf.Tensor, w), [w], []);
      const { output, dInputs, dWeights } = scaled.vjp([x, y], TRAINING, dy);
      expectClose(output, tf.mul(x, w), 1e-6);
      expectClose(dInputs[0] as tf.Tensor, tf.mul(dy, w), 1e-6);
      expectClose(dInputs[1] as tf.Tensor, tf.zeros([2, 3]), 0);
      expectClose(dWeights[0] as tf.Tensor, tf.sum(tf.mul(dy, x), 0), 1e-5);
      const passing = new AutodiffFunction('test', ([a]) => a as tf.Tensor, [], []);
      const passed = passing.vjp([x], TRAINING, dy);
      expectClose(passed.output, x, 0);
      expectClose(passed.dInputs[0] as tf.Tensor, dy, 0);
      tf.dispose([passed.output, passed.dInputs]);
      expect([x.isDisposed, dy.isDisposed]).toEqual([false, false]);
      w.dispose();
    });
  });
});
