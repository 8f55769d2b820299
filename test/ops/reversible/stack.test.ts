/** Stacks of columns as `runColumns` takes them, made of functions of a few numbers. */
import * as tf from '@tensorflow/tfjs';

import { tidyAll } from '../../../src/ops/engine/tensors';
import { AutodiffFunction } from '../../../src/ops/reversible/autodiff_function';
import {
  runColumns,
  type RunOptions,
  type StackOutput,
} from '../../../src/ops/reversible/backbone';
import type { Column } from '../../../src/ops/reversible/column';
import type { LevelFunction } from '../../../src/ops/reversible/level_function';
import { describeBackends, expectClose, expectNoLeak, relativeError } from '../../support/backends';
import { normals, normalTensor, projectedLoss } from '../../support/training_step';

const SHAPE = [2, 3];
const LEVELS = 3;

/** What a function makes of its inputs, given where it stands. */
type Place = { column: number; level: number };
type Observer = (place: Place, inputs: readonly tf.Tensor[]) => void;

interface Stack {
  columns: Column[];
  trainable: tf.Variable[];
  stem: tf.Tensor;
  previous: tf.Tensor[];
  dispose(): void;
}

/** One function per level, which takes the mask and changes state; `block` gives a second one. */
function stackOf(
  count: number,
  {
    alpha = (v: number) => Math.sign(v) * (0.5 + 0.5 * Math.abs(Math.sin(v))),
    observe = () => undefined,
    block,
  }: {
    alpha?: (normal: number) => number;
    observe?: Observer;
    block?: (variable: (seed: number) => tf.Variable, seed: number) => LevelFunction;
  } = {},
): Stack {
  const made: tf.Variable[] = [];
  const variable = (values: Float32Array, trainable = true) => {
    const one = tf.tidy(() => tf.variable(tf.tensor1d(values), trainable));
    made.push(one);
    return one;
  };
  const fusion = (place: Place): LevelFunction => {
    const seed = 100 * place.column + 10 * place.level;
    const [scale, state] = [variable(normals(seed + 1, 3)), variable(normals(seed + 2, 3), false)];
    return new AutodiffFunction(
      'fusion',
      (inputs, { mask, training }) => {
        observe(place, inputs);
        const y = tf.tanh(tf.add(tf.mul(tf.addN(inputs), scale), state));
        if (training) state.assign(tf.add(tf.mul(state, 0.5), tf.mean(y, 0)));
        return mask ? tf.mul(y, mask) : y;
      },
      [scale],
      [state],
    );
  };
  const columns = Array.from({ length: count }, (_, column): Column => ({
    levels: Array.from({ length: LEVELS }, (_, level) => ({
      functions: [
        fusion({ column, level }),
        ...(block
          ? [block((seed) => variable(normals(seed, 3)), 1000 + 100 * column + 10 * level)]
          : []),
      ],
    })),
    alphas: Array.from({ length: LEVELS }, (_, level) =>
      variable(normals(100 * column + level, 3).map(alpha)),
    ),
    alphaTrainable: true,
    topFusion: true,
  }));
  const stem = normalTensor(SHAPE, 1);
  const previous = Array.from({ length: LEVELS }, (_, level) => normalTensor(SHAPE, 2 + level));
  return {
    columns,
    trainable: made.filter((one) => one.trainable),
    stem,
    previous,
    dispose: () => tf.dispose([...made, stem, ...previous]),
  };
}

const OPTIONS: RunOptions = {
  ...{ backprop: 'reversible', training: true, anchorEvery: 'auto', taps: [], seed: 1 },
};

type Given = Partial<Omit<RunOptions, 'previous'>> & { continued?: boolean };

interface Step {
  value: Float32Array;
  /** Null where the loss does not depend on it. */
  gradients: (Float32Array | null)[];
}

/** Loss and gradients: of all trainable variables, of the stem and of given features. */
function step(
  stack: Stack,
  { continued = false, ...options }: Given,
  loss = ({ last, tapped }: StackOutput) => projectedLoss([...last, ...tapped]),
): Step {
  const previous = continued ? stack.previous : undefined;
  return tidyAll(() => {
    const { value, grads } = tf.engine().gradients(
      () =>
        loss(
          runColumns(stack.columns, stack.stem, {
            ...OPTIONS,
            ...options,
            previous,
          }),
        ),
      [...stack.trainable, stack.stem, ...(previous ?? [])],
      undefined,
      true,
    );
    const read = (t: tf.Tensor | null | undefined) => t && Float32Array.from(t.dataSync());
    return {
      value: read(value) as Float32Array,
      gradients: (grads as (tf.Tensor | null)[]).map((d) => read(d) ?? null),
    };
  });
}

/** What stored mode knows to be independent, the walk may say to be zero. */
function expectSameGradients(got: Step, expected: Step): void {
  expected.gradients.forEach((d, i) => {
    const own = got.gradients[i] ?? [];
    if (d) expectClose(own, d, 1e-4, `gradient ${i}`);
    else expect([...own].every((v) => v === 0)).toBe(true);
  });
}

// The walk is the same on every backend; kernels have tests of their own.
describeBackends(
  'a stack of columns',
  () => {
    test.each<[string, Given]>([
      ['as it is', {}],
      ['with top levels of other columns', { taps: [0, 2] }],
      ['with a mask', {}],
      ['that is given features', { continued: true }],
      ['with an anchor in every column', { anchorEvery: 1 }],
      ['with all of that', { taps: [1, 2], continued: true, anchorEvery: 1 }],
      ['of which the middle level alone is used', { usesLevels: [false, true, false] }],
    ])('%s: loss, state and gradients are those of stored mode', async (title, given) => {
      await expectNoLeak(() => {
        const run = (backprop: 'reversible' | 'stored') => {
          const stack = stackOf(4);
          const mask = /mask|all/.test(title) ? tf.tensor2d([[1], [0.25]]) : undefined;
          const result = step(stack, { ...given, mask, backprop }, ({ last, tapped }) =>
            projectedLoss([...last.filter((_, l) => given.usesLevels?.[l] ?? true), ...tapped]),
          );
          const state = stack.columns.flatMap(({ levels }) =>
            levels.flatMap(({ functions }) =>
              functions.flatMap((fn) => fn.state.map((one) => one.dataSync().slice())),
            ),
          );
          stack.dispose();
          mask?.dispose();
          return { ...result, state };
        };
        const [got, expected] = [run('reversible'), run('stored')];
        expectClose(got.value, expected.value, 1e-5, 'loss');
        expectSameGradients(got, expected);
        // Of the alphas of a first column that is given nothing there are none.
        const three = 3 * 2 * LEVELS;
        expect(expected.gradients.filter((d) => d != null).length).toBeGreaterThan(three);
        got.state.forEach((s, i) => expectClose(s, expected.state[i] ?? [], 1e-5));
      });
    });

    test('runs each function once in stored mode, once more on the way back, once for features', () => {
      const calls = (run: (stack: Stack) => unknown) => {
        const seen = new Map<string, number>();
        const stack = stackOf(3, {
          observe: ({ column, level }) => {
            const place = `${column}/${level}`;
            seen.set(place, (seen.get(place) ?? 0) + 1);
          },
        });
        tf.tidy(() => void run(stack));
        stack.dispose();
        expect(seen.size).toBe(3 * LEVELS);
        return [...new Set(seen.values())];
      };
      expect(calls((stack) => step(stack, { backprop: 'stored' }))).toEqual([1]);
      expect(calls((stack) => step(stack, {}))).toEqual([2]);
      const options = { ...OPTIONS, training: false };
      expect(calls(({ columns, stem }) => runColumns(columns, stem, options))).toEqual([1]);
    });

    test('looks at the alphas of the first column where it is given features, and only there', () => {
      const stack = stackOf(2, { alpha: () => NaN });
      for (const one of (stack.columns[1] as Column).alphas)
        tf.tidy(() => one.assign(tf.ones([3])));
      expect(() => step(stack, {})).not.toThrow();
      expect(() => step(stack, { continued: true })).toThrow('alpha of column 0, level 0 is NaN');
      stack.dispose();
    });

    test('what leaves the stack, and what is an anchor, need not be recovered: it is there, exact', () => {
      // The second column's bottom level takes the first one's top level, last of all.
      const inputsOf = (taps: number[], anchorEvery: number) => {
        const seen: Float32Array[] = [];
        const stack = stackOf(2, {
          alpha: () => 1e-3,
          observe: ({ column, level }, inputs) => {
            if (column === 1 && level === 0)
              seen.push(Float32Array.from((inputs.at(-1) as tf.Tensor).dataSync()));
          },
        });
        step(stack, { taps, anchorEvery });
        stack.dispose();
        expect(seen).toHaveLength(2);
        return seen as [Float32Array, Float32Array];
      };
      for (const [forward, again] of [inputsOf([0], Infinity), inputsOf([], 1)])
        expect(again).toEqual(forward);
      // An alpha of 1e-3 costs three digits of what is recovered.
      const [found, recovered] = inputsOf([], Infinity);
      expect(relativeError(recovered, found)).toBeGreaterThan(0);
    });

    test('functions may give one tensor for the gradients of several weights', async () => {
      await expectNoLeak(() => {
        const run = (backprop: 'reversible' | 'stored') => {
          const stack = stackOf(3, {
            block: (variable, seed) => {
              const [a, b] = [variable(seed), variable(seed + 1)];
              const forward = ([x]: readonly tf.Tensor[]) =>
                tf.tidy(() =>
                  tf.addN([
                    x as tf.Tensor,
                    tf.add(tf.zerosLike(x as tf.Tensor), a),
                    tf.add(tf.zerosLike(x as tf.Tensor), b),
                  ]),
                );
              return {
                ...{ weights: [a, b], state: [], forward },
                linearize: (inputs) => ({
                  output: forward(inputs),
                  pullback: (d) => {
                    const both = tf.sum(d, 0);
                    return { dInputs: [tf.clone(d)], dWeights: [both, both] };
                  },
                }),
              };
            },
          });
          const result = step(stack, { backprop });
          stack.dispose();
          return result;
        };
        const [got, expected] = [run('reversible'), run('stored')];
        expectSameGradients(got, expected);
      });
    });

    test('of a function whose gradient tfjs does not know: an error says of which operation', async () => {
      await expectNoLeak(() => {
        const fn = new AutodiffFunction(
          'the block',
          ([x]) => tf.topk(x as tf.Tensor).values,
          [],
          [],
        );
        const [x, d] = [normalTensor(SHAPE, 1), tf.ones([2, 1])];
        const context = { training: true, seed: 1 };
        expect(() => fn.vjp([x], context, d)).toThrow(
          'the block: tfjs has no gradient registered for TopK, because only @tensorflow/tfjs-core ' +
            "is imported; import '@tensorflow/tfjs'",
        );
        tf.dispose([x, d]);
      });
    });
  },
  { only: ['cpu', 'wasm', 'tensorflow'] },
);
