/**
 * Gradients of low-rank changes of kernels: against tfjs's own of a plain composition, against finite
 * differences, and against the gradient of the whole kernel, projected on the factors.
 */
import 'tfjs-revcol';
import * as tf from '@tensorflow/tfjs';

import type { AttentionConfig, AttentionWeights } from '../../src/ops/attention/multi_head';
import { ConvNextFunction } from '../../src/ops/blocks/convnext';
import type { ConvNextWeights } from '../../src/ops/blocks/convnext_weights';
import { FusionFunction, type PathWeights } from '../../src/ops/blocks/fusion';
import { MlpFunction, type MlpWeights } from '../../src/ops/blocks/mlp';
import { SelfAttentionFunction } from '../../src/ops/blocks/self_attention';
import { changedKernel, changeKernel, type LowRank } from '../../src/ops/low_rank';
import type { LevelContext, LevelFunction } from '../../src/ops/reversible/level_function';
import { describeBackends, expectClose, expectNoLeak } from '../support/backends';
import { normalTensor } from '../support/training_step';
import { expectSlopes, tapeGradients } from './gradient_check';
import {
  plainDepthwise,
  plainGelu,
  plainLayerNorm,
  plainLinear,
  plainNearest,
  plainPatchConv,
} from './plain_ops';

const CONTEXT: LevelContext = { training: true, seed: 3 };
const RANK = 2;
const SCALE = 0.7;

type Weights = Record<string, tf.Variable>;
/** Tensors by the names of the weights that they stand for. */
type Values = Record<string, tf.Tensor>;

interface Case {
  shapes: Record<string, number[]>;
  /** Names of the kernels, in the order in which the function gives their changes' gradients. */
  kernels: string[];
  /** Sides of the kernels as matrices. */
  sides: [number, number][];
  inputs: number[][];
  make(w: Weights, trainable: boolean): LevelFunction;
  /** The same in tfjs's operations. */
  plain?(xs: tf.Tensor[], w: Values): tf.Tensor;
}

const vector = (name: string, size: number) => ({ [name]: [size] });
const get = (w: Values, name: string): tf.Tensor => w[name] as tf.Tensor;

function path(prefix: string, kernel: number[]): Record<string, number[]> {
  const out = kernel.at(-1) as number;
  return {
    [`${prefix}kernel`]: kernel,
    [`${prefix}bias`]: [out],
    [`${prefix}gamma`]: [out],
    [`${prefix}beta`]: [out],
  };
}

function pathOf(w: Weights, prefix: string): PathWeights<tf.Variable> {
  const [kernel, bias, gamma, beta] = ['kernel', 'bias', 'gamma', 'beta'].map(
    (name) => w[`${prefix}${name}`],
  );
  return { kernel, bias, gamma, beta } as PathWeights<tf.Variable>;
}

const ATTENTION: AttentionConfig = {
  numHeads: 2,
  keyDim: 3,
  causal: false,
  chunkSize: null,
  dropRate: 0,
};

const ATTENTION_SHAPES = {
  queryKernel: [4, 2, 3],
  queryBias: [2, 3],
  keyKernel: [4, 2, 3],
  keyBias: [2, 3],
  valueKernel: [4, 2, 3],
  valueBias: [2, 3],
  outputKernel: [2, 3, 4],
  outputBias: [4],
};

function plainAttention(x: tf.Tensor, w: Values): tf.Tensor {
  const [batch, time] = x.shape as [number, number];
  const heads = (name: string) => {
    const matrix = tf.reshape(get(w, `${name}Kernel`), [4, 6]);
    const y = plainLinear(x, matrix, tf.reshape(get(w, `${name}Bias`), [6]));
    return tf.transpose(tf.reshape(y, [batch, time, 2, 3]), [0, 2, 1, 3]);
  };
  const [query, key, value] = ['query', 'key', 'value'].map(heads) as [
    tf.Tensor,
    tf.Tensor,
    tf.Tensor,
  ];
  const scores = tf.softmax(tf.div(tf.matMul(query, key, false, true), Math.sqrt(3)));
  const mixed = tf.reshape(tf.transpose(tf.matMul(scores, value), [0, 2, 1, 3]), [batch, time, 6]);
  return plainLinear(mixed, tf.reshape(get(w, 'outputKernel'), [6, 4]), get(w, 'outputBias'));
}

const ATTENTION_CASE = {
  kernels: ['queryKernel', 'keyKernel', 'valueKernel', 'outputKernel'],
  sides: [
    [4, 6],
    [4, 6],
    [4, 6],
    [6, 4],
  ] as [number, number][],
  inputs: [[2, 5, 4]],
  make: (w: Weights, trainable: boolean) =>
    new SelfAttentionFunction(w as unknown as AttentionWeights<tf.Variable>, ATTENTION, trainable),
};

const CASES: Record<string, Case> = {
  'a ConvNeXt block': {
    shapes: {
      depthwiseKernel: [3, 3, 4, 1],
      depthwiseBias: [4],
      gamma: [4],
      beta: [4],
      expandKernel: [4, 6],
      expandBias: [6],
      projectKernel: [6, 4],
      projectBias: [4],
      layerScale: [4],
    },
    kernels: ['expandKernel', 'projectKernel'],
    sides: [
      [4, 6],
      [6, 4],
    ],
    inputs: [[2, 4, 3, 4]],
    make: (w, trainable) =>
      new ConvNextFunction(w as unknown as ConvNextWeights<tf.Variable>, 0, trainable),
    plain: ([x], w) => {
      const mixed = plainDepthwise(
        x as tf.Tensor,
        get(w, 'depthwiseKernel'),
        get(w, 'depthwiseBias'),
      );
      const normed = plainLayerNorm(mixed, get(w, 'gamma'), get(w, 'beta'));
      const hidden = plainGelu(plainLinear(normed, get(w, 'expandKernel'), get(w, 'expandBias')));
      const y = plainLinear(hidden, get(w, 'projectKernel'), get(w, 'projectBias'));
      return tf.add(x as tf.Tensor, tf.mul(y, get(w, 'layerScale')));
    },
  },
  'a fusion': {
    shapes: { ...path('down', [2, 2, 3, 5]), ...path('up', [4, 5]) },
    kernels: ['downkernel', 'upkernel'],
    sides: [
      [12, 5],
      [4, 5],
    ],
    inputs: [
      [2, 5, 7, 3],
      [2, 1, 2, 4],
    ],
    make: (w, trainable) => new FusionFunction([pathOf(w, 'down'), pathOf(w, 'up')], trainable),
    plain: ([lower, upper], w) => {
      const down = plainPatchConv(lower as tf.Tensor, get(w, 'downkernel'), get(w, 'downbias'));
      const a = plainLayerNorm(down, get(w, 'downgamma'), get(w, 'downbeta'));
      const up = plainLinear(upper as tf.Tensor, get(w, 'upkernel'), get(w, 'upbias'));
      const b = plainLayerNorm(up, get(w, 'upgamma'), get(w, 'upbeta'));
      return tf.add(a, plainNearest(b, 2, 3));
    },
  },
  'a feed-forward network': {
    shapes: {
      expandKernel: [4, 6],
      ...vector('expandBias', 6),
      projectKernel: [6, 4],
      projectBias: [4],
    },
    kernels: ['expandKernel', 'projectKernel'],
    sides: [
      [4, 6],
      [6, 4],
    ],
    inputs: [[2, 5, 4]],
    make: (w, trainable) => new MlpFunction(w as unknown as MlpWeights<tf.Variable>, trainable),
    plain: ([x], w) => {
      const hidden = plainLinear(x as tf.Tensor, get(w, 'expandKernel'), get(w, 'expandBias'));
      return plainLinear(plainGelu(hidden), get(w, 'projectKernel'), get(w, 'projectBias'));
    },
  },
  'an attention': {
    ...ATTENTION_CASE,
    shapes: ATTENTION_SHAPES,
    plain: ([x], w) => plainAttention(x as tf.Tensor, w),
  },
  'a cosine attention': { ...ATTENTION_CASE, shapes: { ...ATTENTION_SHAPES, logitScale: [2] } },
};

function variable(shape: number[], seed: number): tf.Variable {
  return tf.tidy(() => tf.variable(tf.mul(normalTensor(shape, seed), 0.6)));
}

function variablesFor(c: Case): Weights {
  const names = Object.entries(c.shapes);
  return Object.fromEntries(names.map(([name, shape], i) => [name, variable(shape, 10 + i)]));
}

/** Changes every kernel; gives the changes. */
function change(c: Case, w: Weights): LowRank[] {
  return c.kernels.map((name, i) => {
    const [inputs, outputs] = c.sides[i] as [number, number];
    const down = variable([inputs, RANK], 50 + i);
    const up = variable([RANK, outputs], 60 + i);
    const made = { down, up, scale: SCALE };
    changeKernel(w[name] as tf.Variable, made);
    return made;
  });
}

/** Runs `body` with a function of changed kernels, and frees what is made for it. */
function withCase(c: Case, body: (w: Weights, changes: LowRank[], xs: tf.Tensor[]) => void): void {
  const w = variablesFor(c);
  const changes = change(c, w);
  const factors = changes.flatMap(({ down, up }) => [down, up]);
  const xs = c.inputs.map((shape, i) => normalTensor(shape, 80 + i));
  try {
    body(w, changes, xs);
  } finally {
    for (const name of c.kernels) changeKernel(w[name] as tf.Variable, null);
    tf.dispose([...Object.values(w), ...factors, ...xs]);
  }
}

describeBackends('gradients of low-rank changes of kernels', () => {
  describe.each(Object.keys(CASES))('of %s', (title) => {
    const c = CASES[title] as Case;

    test('are those of the merged kernel, projected, also with trained weights', async () => {
      await expectNoLeak(() =>
        withCase(c, (w, changes, xs) =>
          tf.tidy(() => {
            const merged: Weights = { ...w };
            c.kernels.forEach((name, i) => {
              const kernel = changedKernel(w[name] as tf.Variable, changes[i] as LowRank);
              merged[name] = tf.variable(kernel);
            });
            const whole = c.make(merged, true);
            const exact = whole.linearize(xs, CONTEXT);
            const dy = normalTensor(exact.output.shape, 90);
            const expected = exact.pullback(dy);
            const dKernels = c.kernels.map((name, i) => {
              const at = whole.weights.indexOf(merged[name] as tf.Variable);
              return tf.reshape(expected.dWeights[at] as tf.Tensor, c.sides[i] as [number, number]);
            });
            const projected = changes.flatMap(({ down, up, scale }, i) => [
              tf.mul(tf.matMul(dKernels[i] as tf.Tensor2D, up as tf.Tensor2D, false, true), scale),
              tf.mul(tf.matMul(down as tf.Tensor2D, dKernels[i] as tf.Tensor2D, true), scale),
            ]);
            const factors = changes.flatMap(({ down, up }) => [down, up]);
            for (const trainable of [false, true]) {
              const fn = c.make(w, trainable);
              expect(fn.weights.slice(-factors.length)).toEqual(factors);
              expect(fn.weights.length - factors.length).toBe(
                trainable ? Object.keys(w).length : 0,
              );
              const { output, pullback } = fn.linearize(xs, CONTEXT);
              expectClose(output, exact.output, 1e-5, 'linearized');
              expectClose(fn.forward(xs, CONTEXT), exact.output, 1e-5, 'forward');
              const got = pullback(dy);
              const wanted = [...(trainable ? expected.dWeights : []), ...projected];
              expect(got.dWeights.length).toBe(wanted.length);
              got.dWeights.forEach((g, i) =>
                expectClose(g, wanted[i] as tf.Tensor, 3e-5, `gradient ${i} of ${trainable}`),
              );
              got.dInputs.forEach((g, i) =>
                expectClose(g, expected.dInputs[i] as tf.Tensor, 2e-5, `input ${i}`),
              );
            }
            tf.dispose(c.kernels.map((name) => merged[name] as tf.Variable));
          }),
        ),
      );
    });

    test('are those of stock operations, of stored mode, and of finite differences', async () => {
      await expectNoLeak(() =>
        withCase(c, (w, changes, xs) =>
          tf.tidy(() => {
            const factors = changes.flatMap(({ down, up }) => [down, up]);
            const fn = c.make(w, false);
            const { output, pullback } = fn.linearize(xs, CONTEXT);
            const dy = normalTensor(output.shape, 90);
            const { dInputs, dWeights } = pullback(dy);
            const got = [...dInputs, ...dWeights];
            const same = (expected: tf.Tensor[], what: string) =>
              got.forEach((g, i) => expectClose(g, expected[i] as tf.Tensor, 3e-5, `${what} ${i}`));
            const all = [...xs, ...factors];
            same(
              tapeGradients(() => fn.forward(xs, CONTEXT), all, dy),
              'stored',
            );
            const { plain } = c;
            if (plain) {
              const changed = () => {
                const values: Values = { ...w };
                c.kernels.forEach((name, i) => {
                  const { down, up, scale } = changes[i] as LowRank;
                  const product = tf.mul(tf.matMul(down as tf.Tensor2D, up as tf.Tensor2D), scale);
                  values[name] = tf.add(
                    w[name] as tf.Tensor,
                    tf.reshape(product, c.shapes[name] as number[]),
                  );
                });
                return plain(xs, values);
              };
              same(tapeGradients(changed, all, dy), 'plain');
            }
            const at = factors.map((factor) => tf.add(factor, 0));
            expectSlopes(
              (...values) => {
                factors.forEach((factor, i) => factor.assign(values[i] as tf.Tensor));
                return fn.forward(xs, CONTEXT);
              },
              at,
              dWeights,
              dy,
            );
          }),
        ),
      );
    });

    test('are given for the factors that are trained', () => {
      withCase(c, (w, changes, xs) => {
        const [first] = changes as [LowRank];
        first.down.trainable = false;
        const before = tf.memory().numTensors;
        const fn = c.make(w, false);
        expect(fn.weights).not.toContain(first.down);
        expect(fn.weights.length).toBe(2 * changes.length - 1);
        const { output, pullback } = fn.linearize(xs, CONTEXT);
        const dy = tf.onesLike(output);
        const { dInputs, dWeights } = pullback(dy);
        expect(dWeights.map(({ shape }) => shape)).toEqual(fn.weights.map(({ shape }) => shape));
        tf.dispose([output, dy, ...dInputs, ...dWeights]);
        expect(tf.memory().numTensors - before).toBe(0);
      });
    });
  });
});
