/** Lion, Adafactor and SGD against their definitions, written in plain numbers of double precision. */
import * as tf from '@tensorflow/tfjs';

import { Adafactor, type AdafactorArgs, Lion, SGD } from 'tfjs-revcol';
import { describeBackends, expectClose, expectNoLeak } from '../support/backends';
import { normals } from '../support/training_step';
import { compile, dense, free, freeModels, train, valuesOf } from './support/adamw_models';
import { reloaded } from './support/reloaded';

/** A rule for one weight: gives the weight after a step and remembers what it must. */
type Rule = (w: number[], g: number[], t: number) => number[];

const zip = (a: number[], b: number[], fn: (x: number, y: number) => number) =>
  a.map((x, i) => fn(x, b[i] as number));
const rms = (a: number[]) => Math.sqrt(a.reduce((sum, x) => sum + x * x, 0) / a.length);

function lionRule(rate: number, beta1: number, beta2: number, decay: number): Rule {
  let m: number[] | undefined;
  return (w, g) => {
    const before = m ?? g.map(() => 0);
    const c = zip(before, g, (a, b) => beta1 * a + (1 - beta1) * b);
    m = zip(before, g, (a, b) => beta2 * a + (1 - beta2) * b);
    return zip(w, c, (x, d) => x - rate * (Math.sign(d) + decay * x));
  };
}

function sgdRule(rate: number, momentum: number, nesterov: boolean, decay: number): Rule {
  let velocity: number[] | undefined;
  return (w, g) => {
    const full = zip(g, w, (a, x) => a + decay * x);
    const before = velocity ?? g.map(() => 0);
    velocity = zip(before, full, (v, a) => momentum * v + a);
    const direction = nesterov ? zip(full, velocity, (a, v) => a + momentum * v) : velocity;
    return zip(w, direction, (x, d) => x - rate * d);
  };
}

interface FactorRule {
  shape: number[];
  rate: number;
  scale: number;
  relative: boolean;
  scaled: boolean;
  clip: number | null;
  exponent: number;
  beta1: number;
  decay: number;
}

/** Algorithms 4 and 5 of the paper: sums over rows and columns, and V = R C / sum(R). */
function adafactorRule(o: FactorRule): Rule {
  const [rows, columns] = o.shape.slice(-2) as [number, number];
  const isFactored = o.shape.length > 1 && rows > 1 && columns > 1;
  const state: { v?: number[]; r?: number[]; c?: number[]; m?: number[] } = {};
  return (w, g, t) => {
    const beta2 = 1 - t ** -o.exponent;
    const lerp = (before: number[] | undefined, now: number[]) =>
      before
        ? zip(before, now, (a, b) => beta2 * a + (1 - beta2) * b)
        : now.map((b) => (1 - beta2) * b);
    const squares = g.map((x) => x * x + 1e-30);
    let v: number[];
    if (isFactored) {
      const size = rows * columns;
      const stack = Math.round(w.length / size);
      const sum = (at: (i: number) => number, many: number) =>
        Array.from({ length: many }, (_, i) => squares[at(i)] as number).reduce((a, b) => a + b, 0);
      state.r = lerp(
        state.r,
        Array.from({ length: stack * rows }, (_, i) => sum((j) => i * columns + j, columns)),
      );
      state.c = lerp(
        state.c,
        Array.from({ length: stack * columns }, (_, i) => {
          const [s, j] = [Math.floor(i / columns), i % columns];
          return sum((k) => s * size + k * columns + j, rows);
        }),
      );
      const { r, c } = state as { r: number[]; c: number[] };
      v = w.map((_, i) => {
        const [s, k, j] = [Math.floor(i / size), Math.floor((i % size) / columns), i % columns];
        const total = r.slice(s * rows, (s + 1) * rows).reduce((a, b) => a + b, 0);
        return ((r[s * rows + k] as number) * (c[s * columns + j] as number)) / total;
      });
    } else {
      state.v = lerp(state.v, squares);
      v = state.v;
    }
    const u = zip(g, v, (a, b) => a / Math.sqrt(b));
    const clipped = o.clip === null ? 1 : Math.max(1, rms(u) / o.clip);
    const step = o.relative ? Math.min(o.rate, 1 / Math.sqrt(t)) : o.rate;
    const alpha = step * o.scale * (o.scaled ? Math.max(1e-3, rms(w)) : 1);
    let change = u.map((x) => (alpha * x) / clipped);
    if (o.beta1 > 0) {
      const before = state.m ?? change.map(() => 0);
      change = zip(before, change, (a, b) => o.beta1 * a + (1 - o.beta1) * b);
      state.m = change;
    }
    return zip(w, change, (x, d) => x * (1 - o.rate * o.scale * o.decay) - d);
  };
}

/** Weights of all kinds; those named `slow` have a group of their own. */
const WEIGHTS: [name: string, shape: number[]][] = [
  ['a/kernel', [4, 5]],
  ['b/depthwise/kernel', [3, 3, 4, 1]],
  ['c/conv/kernel', [2, 2, 3, 5]],
  ['d/bias', [6]],
  ['slow/kernel', [3, 4]],
  ['e/query/bias', [2, 3]],
];
const decays = (name: string, shape: number[]) => shape.length > 1 && !name.endsWith('bias');
const GROUPS = [{ names: '^slow', learningRateScale: 0.25, weightDecay: 0.5 }];

/** Runs an optimizer and the rules side by side; every third step has no gradient for one weight. */
async function sideBySide(
  optimizer: tf.Optimizer,
  ruleOf: (shape: number[], scale: number, decay: number) => Rule,
  decay: number,
  tolerance: number,
): Promise<void> {
  await expectNoLeak(() => {
    const variables = WEIGHTS.map(([name, shape], i) =>
      tf.tidy(() =>
        tf.variable(tf.tensor(normals(i + 1, tf.util.sizeFromShape(shape)), shape), true, name),
      ),
    );
    const expected = variables.map((v) => [...v.dataSync()]);
    const rules = WEIGHTS.map(([name, shape]) =>
      name.startsWith('slow')
        ? ruleOf(shape, 0.25, 0.5)
        : ruleOf(shape, 1, decays(name, shape) ? decay : 0),
    );
    const steps = WEIGHTS.map(() => 0);
    for (let t = 0; t < 7; t++) {
      tf.tidy(() => {
        const gradients = WEIGHTS.map(([name, shape], i) => {
          if (t % 3 === 1 && i === 0) return { name, tensor: null };
          const values = normals(100 * t + i, tf.util.sizeFromShape(shape));
          const rule = rules[i] as Rule;
          steps[i] = (steps[i] as number) + 1;
          expected[i] = rule(expected[i] as number[], [...values], steps[i] as number);
          return { name, tensor: tf.tensor(values, shape) };
        });
        optimizer.applyGradients(gradients as { name: string; tensor: tf.Tensor }[]);
      });
    }
    variables.forEach((v, i) => expectClose(v, expected[i] as number[], tolerance, v.name));
    optimizer.dispose();
    tf.dispose(variables);
  });
}

describeBackends('definitions', () => {
  test('of Lion', async () => {
    const args = { learningRate: 0.03, beta1: 0.8, beta2: 0.95, weightDecay: 0.2, groups: GROUPS };
    const rule = (_: number[], scale: number, decay: number) =>
      lionRule(0.03 * scale, 0.8, 0.95, decay);
    await sideBySide(new Lion(args), rule, 0.2, 1e-6);
  });

  test('of SGD', async () => {
    for (const [momentum, nesterov] of [
      [0, false],
      [0.9, false],
      [0.7, true],
    ] as [number, boolean][]) {
      const args = { learningRate: 0.05, momentum, nesterov, weightDecay: 0.2, groups: GROUPS };
      const rule = (_: number[], scale: number, decay: number) =>
        sgdRule(0.05 * scale, momentum, nesterov, decay);
      await sideBySide(new SGD(args), rule, 0.2, 1e-6);
    }
  });

  test('of Adafactor', async () => {
    const usual = {
      relative: true,
      scaled: true,
      clip: 1,
      exponent: 0.8,
      beta1: 0,
      decay: 0,
      rate: 0.3,
    };
    const cases: [AdafactorArgs, Partial<FactorRule>][] = [
      [{}, {}],
      [
        { beta1: 0.6, weightDecay: 0.3 },
        { beta1: 0.6, decay: 0.3 },
      ],
      [
        { relativeStep: false, scaleParameter: false, clipThreshold: null, decayExponent: 0.5 },
        { relative: false, scaled: false, clip: null, exponent: 0.5 },
      ],
      [{ clipThreshold: 0.2 }, { clip: 0.2 }],
    ];
    for (const [args, changes] of cases) {
      const o = { ...usual, ...changes };
      const rule = (shape: number[], scale: number, decay: number) =>
        adafactorRule({ ...o, shape, scale, decay });
      const optimizer = new Adafactor({ learningRate: 0.3, ...args, groups: GROUPS });
      await sideBySide(optimizer, rule, o.decay, 1e-5);
    }
  });

  test('a gradient of zeros moves nothing', () => {
    tf.tidy(() => {
      for (const optimizer of [new Lion(), new Adafactor(), new SGD({ momentum: 0.9 })]) {
        const w = tf.variable(tf.ones([3, 4]));
        for (let i = 0; i < 2; i++) optimizer.applyGradients({ [w.name]: tf.zeros([3, 4]) });
        expectClose(w, new Array<number>(12).fill(1), 0);
        optimizer.dispose();
        w.dispose();
      }
    });
  });
});

const MAKERS: Record<string, () => tf.Optimizer> = {
  Lion: () => new Lion({ learningRate: 0.01, groups: [{ names: 'a/', learningRateScale: 0.5 }] }),
  Adafactor: () => new Adafactor({ learningRate: 0.1 }),
  'Adafactor with a mean': () => new Adafactor({ learningRate: 0.1, beta1: 0.5 }),
  SGD: () => new SGD({ learningRate: 0.05 }),
  'SGD with momentum': () => new SGD({ learningRate: 0.05, momentum: 0.9, nesterov: true }),
  'SGD, clipped': () => new SGD({ learningRate: 0.05, clipPreviousNorm: 0.1, fused: true }),
};

test.each([{}, 'dense/kernel', 5, () => []])('groups that are %p are no list', (groups) => {
  for (const Optimizer of [Lion, Adafactor, SGD]) {
    expect(() => new Optimizer({ learningRate: 0.1, groups: groups as never })).toThrow(
      /groups is .*; expected a list of \{ names, \.\.\. \}/,
    );
  }
});

describeBackends(
  'saved and loaded',
  () => {
    afterEach(freeModels);

    test.each(Object.keys(MAKERS))('%s goes on exactly', async (name) => {
      const model = compile(dense(['a', 'b']), (MAKERS[name] as () => tf.Optimizer)());
      await train(model, 3);
      const loaded = await reloaded(model);
      expect(loaded.optimizer.getConfig()).toEqual(model.optimizer.getConfig());
      expect(loaded.optimizer.iterations).toBe(3);
      expect(valuesOf(loaded)).toEqual(valuesOf(model));
      expect(await train(loaded, 2)).toEqual(await train(model, 2));
      free(loaded);
    });
  },
  // In jest the arrays of tensorflow's addon are of another realm, which tfjs refuses to save.
  { only: ['cpu', 'wasm'] },
);

describeBackends('the state of an optimizer', () => {
  test('what is kept: one number, or rows and columns, or nothing', async () => {
    const bytes = async (optimizer: tf.Optimizer) => {
      const w = tf.tidy(() => tf.variable(tf.ones([100, 50])));
      const gradient = tf.ones([100, 50]);
      const before = tf.memory().numBytes;
      optimizer.applyGradients({ [w.name]: gradient });
      const more = tf.memory().numBytes - before;
      optimizer.dispose();
      tf.dispose([w, gradient]);
      return Promise.resolve(more);
    };
    expect(await bytes(new SGD())).toBe(0);
    expect(await bytes(new SGD({ momentum: 0.9 }))).toBe(4 * 5000);
    expect(await bytes(new Lion())).toBe(4 * 5000);
    expect(await bytes(new Adafactor())).toBe(4 * 150);
  });
});

test('arguments that make no sense are refused', () => {
  expect(() => new Lion({ beta1: 1 })).toThrow('Lion: beta1 is 1; expected a number in [0, 1)');
  expect(() => new Adafactor({ epsilon1: 0 })).toThrow('Adafactor: epsilon1 is 0');
  expect(() => new Adafactor({ clipThreshold: -1 })).toThrow('clipThreshold is -1');
  expect(() => new SGD({ momentum: 1 })).toThrow('SGD: momentum is 1; expected a number in [0, 1)');
});

test('state of another optimizer is refused by name', async () => {
  await tf.setBackend('cpu');
  const w = tf.variable(tf.ones([2, 3]));
  const [lion, factor] = [new Lion(), new Adafactor()];
  lion.applyGradients({ [w.name]: tf.ones([2, 3]) });
  factor.applyGradients({ [w.name]: tf.ones([2, 3]) });
  const state = await factor.getWeights();
  await expect(lion.setWeights(state)).rejects.toThrow(
    `'${w.name}/vr' is not the state of a Lion; expected 'iter', '.../m'`,
  );
  const cut = state.filter(({ name }) => !name.endsWith('/vc'));
  await expect(factor.setWeights(cut)).rejects.toThrow(`is given without '${w.name}/vc'`);
  tf.dispose([w, lion, factor].map((x) => (x instanceof tf.Tensor ? x : [])));
  lion.dispose();
  factor.dispose();
});
