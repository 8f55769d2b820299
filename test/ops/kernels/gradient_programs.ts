/** Small random programs, one for each way in which tfjs's operations reach a gradient. */
import * as tf from '@tensorflow/tfjs';

import { seededRandom } from '../../../src/ops/engine/random';

/** Random choices of one program; the same seed makes the same ones. */
export interface Choices {
  /** A whole number, both ends included. */
  int(low: number, high: number): number;
  pick<T>(list: readonly T[]): T;
  flag(): boolean;
  /** Uniform in [low, high). */
  between(low: number, high: number): number;
}

export function choicesOf(seed: number): Choices {
  const random = seededRandom(seed);
  const int = (low: number, high: number) => low + Math.floor(random() * (high - low + 1));
  return {
    int,
    pick: (list) => list[int(0, list.length - 1)] as (typeof list)[number],
    flag: () => random() < 0.5,
    between: (low, high) => low + (high - low) * random(),
  };
}

/** An input of a program: a shape and the range of its values. */
export interface Input {
  shape: number[];
  low: number;
  high: number;
  /** Values that lie apart, for operations that compare them. */
  spread?: boolean;
}

export interface Program {
  inputs: Input[];
  run(...xs: tf.Tensor[]): tf.Tensor;
}

export interface Case {
  name: string;
  make(c: Choices): Program;
  /** Why the gradient of backend cpu is no reference; finite differences still are. */
  cpuIsWrong?: string;
  /** Why finite differences are no reference: tfjs's gradient is not the derivative, by convention. */
  convention?: string;
}

const input = (shape: number[], low = -1, high = 1, spread = false): Input => ({
  shape,
  low,
  high,
  spread,
});

function shape(c: Choices, rank: number, largest = 4): number[] {
  return Array.from({ length: rank }, () => c.int(1, largest));
}

type Range = [low: number, high: number];

const UNARY: Record<string, [(x: tf.Tensor) => tf.Tensor, Range]> = {
  abs: [tf.abs, [0.1, 2]],
  acos: [tf.acos, [-0.9, 0.9]],
  acosh: [tf.acosh, [1.2, 4]],
  asin: [tf.asin, [-0.9, 0.9]],
  asinh: [tf.asinh, [-3, 3]],
  atan: [tf.atan, [-3, 3]],
  atanh: [tf.atanh, [-0.8, 0.8]],
  ceil: [tf.ceil, [0.1, 0.9]],
  cos: [tf.cos, [-3, 3]],
  cosh: [tf.cosh, [-2, 2]],
  elu: [tf.elu, [-2, 2]],
  erf: [tf.erf, [-2, 2]],
  exp: [tf.exp, [-2, 2]],
  expm1: [tf.expm1, [-1, 1]],
  floor: [tf.floor, [0.1, 0.9]],
  'leakyRelu below 0': [(x) => tf.leakyRelu(x, 0.37), [-2, -0.1]],
  log: [tf.log, [0.2, 4]],
  log1p: [tf.log1p, [-0.5, 3]],
  logSigmoid: [tf.logSigmoid, [-4, 4]],
  logSoftmax: [tf.logSoftmax, [-3, 3]],
  neg: [tf.neg, [-2, 2]],
  reciprocal: [tf.reciprocal, [0.3, 3]],
  relu: [tf.relu, [0.1, 2]],
  'relu below 0': [tf.relu, [-2, -0.1]],
  relu6: [tf.relu6, [0.1, 5.9]],
  'relu6 above 6': [tf.relu6, [6.1, 9]],
  round: [tf.round, [0.6, 1.4]],
  rsqrt: [tf.rsqrt, [0.3, 4]],
  selu: [tf.selu, [-2, -0.1]],
  sigmoid: [tf.sigmoid, [-4, 4]],
  sign: [tf.sign, [0.1, 2]],
  sin: [tf.sin, [-3, 3]],
  sinh: [tf.sinh, [-2, 2]],
  softmax: [tf.softmax, [-3, 3]],
  softplus: [tf.softplus, [-4, 4]],
  sqrt: [tf.sqrt, [0.3, 4]],
  square: [tf.square, [-2, 2]],
  step: [(x) => tf.mul(x, tf.step(x, 0.3)), [0.1, 2]],
  tan: [tf.tan, [-1, 1]],
  tanh: [tf.tanh, [-3, 3]],
  clipByValue: [(x) => tf.clipByValue(x, -0.7, 0.9), [-0.6, 0.8]],
  'clipByValue outside': [(x) => tf.clipByValue(x, -0.7, 0.9), [1, 2]],
  'onesLike, zerosLike': [(x) => tf.mul(x, tf.add(tf.onesLike(x), tf.zerosLike(x))), [-2, 2]],
  'pow of a scalar': [(x) => tf.pow(x, tf.scalar(3)), [-2, 2]],
  'cast to int32': [(x) => tf.mul(x, tf.cast(tf.cast(x, 'int32'), 'float32')), [1.1, 1.9]],
  'cast to bool': [(x) => tf.mul(x, tf.cast(tf.cast(x, 'bool'), 'float32')), [0.2, 0.9]],
  'isFinite, where': [(x) => tf.where(tf.isFinite(x), tf.square(x), x), [-3, 3]],
};

const CONVENTIONS: Record<string, string> = {
  'cast to int32': 'a cast passes the gradient on',
  'cast to bool': 'a cast passes the gradient on',
};

const unary: Case[] = Object.entries(UNARY).map(([name, [run, [low, high]]]) => ({
  name,
  convention: CONVENTIONS[name],
  make: (c) => ({
    inputs: [input(shape(c, c.int(1, 4)), low, high)],
    run: (x) => run(x as tf.Tensor),
  }),
}));

type Binary = (a: tf.Tensor, b: tf.Tensor) => tf.Tensor;

const BROADCASTING: Record<string, [Binary, Range, Range]> = {
  add: [tf.add, [-2, 2], [-2, 2]],
  sub: [tf.sub, [-2, 2], [-2, 2]],
  mul: [tf.mul, [-2, 2], [-2, 2]],
  div: [tf.div, [-2, 2], [0.4, 2]],
  pow: [tf.pow, [0.3, 2], [-2, 2]],
  atan2: [tf.atan2, [0.2, 2], [0.2, 2]],
  mod: [tf.mod, [2.1, 2.9], [0.9, 1.01]],
};

const SAME_SHAPE: Record<string, [Binary, Range, Range]> = {
  maximum: [tf.maximum, [-2, 2], [2.1, 4]],
  minimum: [tf.minimum, [-2, 2], [2.1, 4]],
  squaredDifference: [tf.squaredDifference, [-2, 2], [-2, 2]],
  addN: [(a, b) => tf.addN([a, b, a]), [-2, 2], [-2, 2]],
  where: [(a, b) => tf.where(tf.cast(tf.sign(a), 'bool'), tf.square(a), b), [0.1, 2], [-2, 2]],
  stack: [(a, b) => tf.stack([a, b, a], 1), [-2, 2], [-2, 2]],
};

const binary: Case[] = [
  ...Object.entries(BROADCASTING).map(([name, [run, a, b]]): Case => ({
    name: `${name}, broadcasting`,
    make(c) {
      const full = shape(c, c.int(1, 4));
      const shrunk = full.map((d) => (c.flag() ? 1 : d)).slice(c.int(0, full.length - 1));
      const [left, right] = c.flag() ? [full, shrunk] : [shrunk, full];
      return {
        inputs: [input(left, ...a), input(right, ...b)],
        run: (x, y) => run(x as tf.Tensor, y as tf.Tensor),
      };
    },
  })),
  ...Object.entries(SAME_SHAPE).map(([name, [run, a, b]]): Case => ({
    name,
    make(c) {
      const both = shape(c, c.int(1, 3));
      return {
        inputs: [input(both, ...a), input(both, ...b)],
        run: (x, y) => run(x as tf.Tensor, y as tf.Tensor),
      };
    },
  })),
  {
    name: 'prelu',
    make(c) {
      const full = shape(c, 3);
      return {
        inputs: [input(full, -2, -0.1), input(full.slice(2), 0.1, 0.5)],
        run: (x, alpha) => tf.prelu(x as tf.Tensor, alpha as tf.Tensor),
      };
    },
  },
];

type Reduce = (x: tf.Tensor, axis: number[] | undefined, keep: boolean) => tf.Tensor;

const REDUCTIONS: Record<string, Reduce> = {
  sum: tf.sum,
  mean: tf.mean,
  max: tf.max,
  min: tf.min,
  logSumExp: tf.logSumExp,
  moments: (x, axis, keep) => {
    const { mean, variance } = tf.moments(x, axis, keep);
    return tf.add(mean, variance);
  },
};

const reductions: Case[] = [
  ...Object.entries(REDUCTIONS).map(([name, reduce]): Case => ({
    name,
    make(c) {
      const full = shape(c, c.int(1, 4));
      const some = full.map((_, i) => i).filter(() => c.flag());
      const axis = some.length > 0 ? some.map((i) => (c.flag() ? i : i - full.length)) : undefined;
      const keep = c.flag();
      return {
        inputs: [input(full, 0.3, 2, true)],
        run: (x) => reduce(x as tf.Tensor, axis, keep),
      };
    },
  })),
  {
    name: 'prod',
    make(c) {
      const axis = c.int(0, 2);
      return {
        inputs: [input(shape(c, 3, 3), 0.3, 2)],
        run: (x) => tf.prod(x as tf.Tensor, axis),
      };
    },
  },
  {
    name: 'norm',
    make: (c) => ({ inputs: [input(shape(c, 2), 0.3, 2)], run: (x) => tf.norm(x as tf.Tensor) }),
  },
  {
    name: 'cumsum',
    make(c) {
      const rank = c.int(1, 4);
      // Sides alike: a transposed gradient would have the right shape.
      const side = c.int(2, 3);
      const [axis, exclusive, reverse] = [c.int(0, rank - 1), c.flag(), c.flag()];
      return {
        inputs: [input(Array.from({ length: rank }, () => side))],
        run: (x) => tf.cumsum(x as tf.Tensor, axis, exclusive, reverse),
      };
    },
  },
];

const ACTIVATIONS = ['linear', 'elu', 'sigmoid', 'relu', 'relu6', 'leakyrelu', 'prelu'] as const;
type Activation = (typeof ACTIVATIONS)[number];

function activated(activation: Activation, channels: number) {
  return {
    activation,
    leakyreluAlpha: 0.3,
    ...(activation === 'prelu' ? { preluActivationWeights: tf.fill([channels], 0.3) } : {}),
  };
}

const products: Case[] = [
  {
    name: 'matMul',
    make(c) {
      const [m, k, n] = [c.int(1, 6), c.int(1, 6), c.int(1, 6)];
      const [transposeA, transposeB] = [c.flag(), c.flag()];
      const batch = c.pick([[], [3], [2, 2]]);
      return {
        inputs: [
          input([...batch, ...(transposeA ? [k, m] : [m, k])]),
          input([...batch, ...(transposeB ? [n, k] : [k, n])]),
        ],
        run: (a, b) => tf.matMul(a as tf.Tensor2D, b as tf.Tensor2D, transposeA, transposeB),
      };
    },
  },
  {
    name: 'dot',
    make: () => ({
      inputs: [input([5]), input([5])],
      run: (a, b) => tf.dot(a as tf.Tensor1D, b as tf.Tensor1D),
    }),
  },
  ...ACTIVATIONS.map((activation): Case => ({
    name: `fused matMul, ${activation}`,
    make(c) {
      const [m, k, n] = [c.int(1, 5), c.int(1, 5), c.int(1, 5)];
      return {
        inputs: [input([m, k]), input([k, n]), input([n])],
        run: (a, b, bias) =>
          tf.fused.matMul({
            a: a as tf.Tensor2D,
            b: b as tf.Tensor2D,
            bias: bias as tf.Tensor1D,
            ...activated(activation, n),
          }),
      };
    },
  })),
];

/** Programs whose operation only moves values: rank and attributes matter. */
const moving: Case[] = [
  {
    name: 'concat',
    make(c) {
      const full = shape(c, c.int(1, 4));
      const axis = c.int(0, full.length - 1);
      const other = full.map((d, i) => (i === axis ? c.int(1, 4) : d));
      return {
        inputs: [input(full), input(other)],
        run: (...xs) => tf.concat([...xs, xs[0] as tf.Tensor], axis),
      };
    },
  },
  {
    name: 'unstack',
    make(c) {
      const axis = c.int(0, 2);
      return {
        inputs: [input([2, 3, 4])],
        run: (x) => {
          const parts = tf.unstack(x as tf.Tensor, axis);
          return tf.mul(parts[0] as tf.Tensor, parts[parts.length - 1] as tf.Tensor);
        },
      };
    },
  },
  {
    name: 'split',
    make(c) {
      const axis = c.int(0, 2);
      const full = shape(c, 3).map((d, i) => (i === axis ? 5 : d));
      return {
        inputs: [input(full)],
        run: (x) => {
          const [a, b] = tf.split(x as tf.Tensor, [2, 3], axis) as [tf.Tensor, tf.Tensor];
          return tf.add(tf.sum(tf.square(a)), tf.sum(b));
        },
      };
    },
  },
  {
    name: 'slice',
    make(c) {
      const full = shape(c, c.int(1, 5), 5);
      const begin = full.map((d) => c.int(0, d - 1));
      const size = full.map((d, i) => c.int(1, d - (begin[i] as number)));
      return { inputs: [input(full)], run: (x) => tf.slice(x as tf.Tensor, begin, size) };
    },
  },
  {
    name: 'pad',
    make(c) {
      const full = shape(c, c.int(1, 4), 3);
      const pads = full.map((): [number, number] => [c.int(0, 2), c.int(0, 2)]);
      return { inputs: [input(full)], run: (x) => tf.pad(x as tf.Tensor, pads, 0.5) };
    },
  },
  ...(['reflect', 'symmetric'] as const).map((mode): Case => ({
    name: `mirrorPad, ${mode}`,
    make(c) {
      const full = [3, 4, 3].slice(0, c.int(1, 3));
      const pads = full.map((): [number, number] => [c.int(0, 2), c.int(0, 2)]);
      return { inputs: [input(full)], run: (x) => tf.mirrorPad(x as tf.Tensor, pads, mode) };
    },
  })),
  {
    name: 'reverse',
    make(c) {
      const full = shape(c, c.int(1, 4));
      const axis = c.int(0, full.length - 1);
      return { inputs: [input(full)], run: (x) => tf.reverse(x as tf.Tensor, axis) };
    },
  },
  {
    name: 'tile',
    make(c) {
      const full = shape(c, c.int(1, 4), 3);
      const reps = full.map(() => c.int(1, 3));
      return { inputs: [input(full)], run: (x) => tf.tile(x as tf.Tensor, reps) };
    },
  },
  {
    name: 'broadcastTo',
    make(c) {
      const full = shape(c, 3);
      const small = full.map((d) => (c.flag() ? 1 : d));
      return { inputs: [input(small)], run: (x) => tf.broadcastTo(x as tf.Tensor, full) };
    },
  },
  {
    name: 'transpose',
    make(c) {
      const full = shape(c, c.int(2, 6), 3);
      const order = full.map((_, i): [number, number] => [c.between(0, 1), i]);
      const perm = order.sort(([a], [b]) => a - b).map(([, i]) => i);
      return { inputs: [input(full)], run: (x) => tf.transpose(x as tf.Tensor, perm) };
    },
  },
  {
    name: 'reshape, expandDims, squeeze',
    make: () => ({
      inputs: [input([3, 1, 4])],
      run: (x) => tf.reshape(tf.squeeze(tf.expandDims(x as tf.Tensor, 0)), [2, 6]),
    }),
  },
  {
    name: 'batchToSpaceND',
    make: () => ({
      inputs: [input([4, 2, 3, 2])],
      run: (x) => tf.batchToSpaceND(x as tf.Tensor4D, [2, 2], [[0, 1], [1, 0]]), // prettier-ignore
    }),
  },
  {
    name: 'spaceToBatchND',
    make: () => ({
      inputs: [input([2, 3, 4, 2])],
      run: (x) => tf.spaceToBatchND(x as tf.Tensor4D, [2, 2], [[0, 1], [1, 1]]), // prettier-ignore
    }),
  },
  {
    name: 'gather',
    make(c) {
      const full = shape(c, c.int(1, 3));
      const axis = c.int(0, full.length - 1);
      const ids = Array.from({ length: 6 }, () => c.int(0, (full[axis] as number) - 1));
      const indices = c.flag() ? ids : [ids.slice(0, 3), ids.slice(3)];
      return {
        inputs: [input(full)],
        run: (x) =>
          tf.gather(x as tf.Tensor, tf.tensor(indices, undefined, 'int32') as tf.Tensor1D, axis),
      };
    },
  },
  {
    name: 'gather, batchDims',
    make(c) {
      const ids = Array.from({ length: 6 }, () => c.int(0, 3));
      return {
        inputs: [input([2, 4, 3])],
        run: (x) => tf.gather(x as tf.Tensor, tf.tensor2d(ids, [2, 3], 'int32'), 1, 1),
      };
    },
  },
  {
    name: 'unsortedSegmentSum',
    make(c) {
      const ids = Array.from({ length: 5 }, () => c.int(0, 3));
      return {
        inputs: [input([5, 3])],
        run: (x) => tf.unsortedSegmentSum(x as tf.Tensor2D, tf.tensor1d(ids, 'int32'), 4),
      };
    },
  },
  ...(['int32', 'float32', 'bool'] as const).map((dtype): Case => ({
    name: `oneHot, ${dtype}`,
    make(c) {
      const ids = Array.from({ length: 4 }, () => c.int(-1, 3));
      const [on, off] = dtype === 'bool' ? [1, 0] : [5, 2];
      return {
        inputs: [input([4, 3])],
        run: (x) => {
          const hot = tf.oneHot(tf.tensor1d(ids, 'int32'), 3, on, off, dtype);
          return tf.mul(x as tf.Tensor, tf.cast(hot, 'float32'));
        },
      };
    },
  })),
];

/** All programs that need no images. */
export const PLAIN_PROGRAMS: readonly Case[] = [
  ...unary,
  ...binary,
  ...reductions,
  ...products,
  ...moving,
];

export { activated, ACTIVATIONS, input, shape };
