import * as tf from '@tensorflow/tfjs';
import * as fc from 'fast-check';

import { layers } from 'tfjs-revcol';
import { tidyAll } from '../../../src/ops/engine/tensors';
import { anchorColumns, MAX_ERROR_GROWTH } from '../../../src/ops/reversible/anchors';
import { describeBackends, expectNoLeak } from '../../support/backends';
import { describeGoldens } from '../../support/goldens';
import { type Network, outcome } from '../../support/networks';
import {
  type AlphaLaw,
  normals,
  normalTensor,
  projectedLoss,
  randomizeWeights,
  type Step,
  takeStep,
  worstError,
} from '../../support/training_step';
import { gradientErrors, loadGoldenModel } from './golden_models';

/** The same smallest alpha everywhere. */
function uniform(columns: number, levels: number, alpha: number): number[][] {
  return Array.from({ length: columns }, () => Array.from({ length: levels }, () => alpha));
}

describe('where anchors stand', () => {
  test.each([
    // With alphas of 0.5 the bottom level's error grows as 8, 66.
    [uniform(2, 4, 0.5), []],
    [uniform(3, 4, 0.5), [0]],
    [uniform(16, 4, 0.5), [1, 3, 5, 7, 9, 11, 13]],
    // 4, 20, 84
    [uniform(16, 2, 0.5), [0, 3, 6, 9, 12]],
    [uniform(5, 4, 1e-3), [0, 1, 2, 3]],
    [uniform(7, 2, 1), []],
    [uniform(1, 4, 1e-3), []],
  ])('case %#', (minAlphas, expected) => {
    expect([...anchorColumns(minAlphas, 'auto')].sort((a, b) => a - b)).toEqual(expected);
  });

  test('one small alpha calls for an anchor just below its column', () => {
    const minAlphas = uniform(8, 3, 0.9);
    (minAlphas[5] as number[])[1] = 1e-3;
    expect([...anchorColumns(minAlphas, 'auto')]).toContain(4);
    expect(anchorColumns(minAlphas, 'auto').size).toBe(1);
  });

  test('a number is the spacing, whatever the alphas', () => {
    const minAlphas = uniform(9, 2, 1e-3);
    const at = (spacing: number) => [...anchorColumns(minAlphas, spacing)].sort((a, b) => a - b);
    expect(at(1)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(at(3)).toEqual([2, 5]);
    expect(at(8)).toEqual([0]);
    expect(at(9)).toEqual([]);
    expect(at(Infinity)).toEqual([]);
  });

  test('no recovered feature is worse than tolerated', () => {
    const magnitude = fc.double({ min: -3, max: 1, noNaN: true }).map((e) => 10 ** e);
    const alphas = fc
      .tuple(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 2, max: 5 }))
      .chain(([columns, levels]) =>
        fc.array(fc.array(magnitude, { minLength: levels, maxLength: levels }), {
          minLength: columns,
          maxLength: columns,
        }),
      );
    fc.assert(
      fc.property(alphas, (minAlphas) => {
        const anchors = anchorColumns(minAlphas, 'auto');
        let errors = (minAlphas[0] as number[]).map(() => 0);
        for (let column = minAlphas.length - 1; column > 0; column--) {
          const before = errors;
          errors = [];
          for (let l = before.length - 1; l >= 0; l--) {
            const operands = (before[l - 1] ?? 0) + (errors[l + 1] ?? 0);
            const alpha = (minAlphas[column] as number[])[l] as number;
            errors[l] = (1 + (before[l] as number) + operands / 2) / alpha;
          }
          if (anchors.has(column - 1)) errors = errors.map(() => 0);
          expect(Math.max(...errors)).toBeLessThanOrEqual(MAX_ERROR_GROWTH);
        }
        expect([...anchors].every((c) => c >= 0 && c < minAlphas.length - 1)).toBe(true);
      }),
      { seed: 1 },
    );
  });
});

const sign = (random: () => number) => (random() < 0.5 ? -1 : 1);
/** Alphas that let the error grow close to what is tolerated before an anchor comes. */
const LAWS: [string, number, AlphaLaw][] = [
  ['0.5', 2, () => 0.5],
  ['0.3 to 1', 2, (random) => sign(random) * (0.3 + 0.7 * random())],
  ['0.6', 3, (random) => sign(random) * 0.6],
];

const DEEP: Network = {
  levels: 2,
  columns: 16,
  channels: [8, 12],
  depths: [1, 1],
  batch: 2,
  patchSize: 1,
  excess: [6, 6],
  kernelSize: 3,
  topFusion: true,
  dropPathRate: 0.2,
  anchorEvery: 'auto',
  output: 'last',
  wild: false,
  block: 'convnext',
  frozenSeed: 0,
  seed: 1,
};

// The walk rounds alike on every backend; cpu is slow.
describeBackends(
  'sixteen columns',
  () => {
    test.each(LAWS)(
      'alphas of %s: anchors by themselves hold the worst gradient to 1e-3',
      (_, levels, alphas) => {
        const network = {
          ...DEEP,
          levels,
          channels: [8, 12, 16].slice(0, levels),
          depths: [1, 1, 1].slice(0, levels),
        };
        const stored = outcome(network, 'stored', { alphas }).step.gradients;
        const errorAt = (anchorEvery: 'auto' | number) =>
          worstError(
            outcome({ ...network, anchorEvery }, 'reversible', { alphas }).step.gradients,
            stored,
          ).error;
        const [automatic, none] = [errorAt('auto'), errorAt(Infinity)];
        expect(automatic).toBeLessThanOrEqual(1e-3);
        expect(none).toBeGreaterThan(1e-3);
      },
    );
  },
  { except: ['cpu'] },
);

/** Gradients of a network of 8 columns with the default depths, 8 channels and alphas of 0.5. */
function largeWeightGradients(seed: number, anchorEvery: 'auto' | number): Step['gradients'] {
  return tidyAll(() => {
    const backbone = layers.revColBackbone({
      name: 'backbone',
      columns: 8,
      channels: [8, 8, 8, 8],
      patchSize: 1,
      anchorEvery,
    });
    const x = tf.tensor(normals(seed * 31 + 5, 2 * 16 * 16 * 3), [2, 16, 16, 3]);
    backbone.apply(x);
    backbone.weights.forEach((weight, i) => {
      const values = normals(
        seed * 1000003 + i * 7919,
        tf.util.sizeFromShape(weight.shape as number[]),
      );
      const [name, centre] = [
        weight.originalName,
        /gamma|layer_scale/.test(weight.originalName) ? 1 : 0,
      ];
      const drawn = values.map((v) => (/alpha/.test(name) ? 0.5 : centre + 0.5 * v));
      weight.write(tf.tensor(drawn, weight.shape as number[]));
    });
    const { gradients } = takeStep(
      () => tf.mean(tf.square(backbone.apply(x, { training: true }) as tf.Tensor)),
      backbone.trainableWeights,
    );
    backbone.dispose();
    return gradients;
  });
}

describeBackends(
  'eight columns of weights so large that blocks amplify errors',
  () => {
    // Drawn because a spacing of four columns is not enough for them.
    test.each([9, 12, 103])(
      'network %d: every gradient is within 1e-3 of that with an anchor in every column',
      (seed) => {
        const exact = largeWeightGradients(seed, 1);
        expect(worstError(largeWeightGradients(seed, 'auto'), exact).error).toBeLessThanOrEqual(
          1e-3,
        );
        expect(worstError(largeWeightGradients(seed, 4), exact).error).toBeGreaterThan(1e-3);
      },
    );
  },
  { only: ['wasm'] },
);

describeGoldens('the golden of sixteen columns', () => {
  describeBackends(
    'without anchors',
    () => {
      test('has wrong gradients, which is what anchors are for', async () => {
        await expectNoLeak(async () => {
          const golden = await loadGoldenModel('sixteen_columns', 'reversible', Infinity);
          const { model, x, loss } = golden;
          const errors = gradientErrors(golden, takeStep(loss, model.trainableWeights, x));
          expect(Math.max(...errors.values())).toBeGreaterThan(1e-3);
          tf.dispose(x);
          model.dispose();
        });
      });
    },
    { except: ['cpu'] },
  );
});

describeBackends('features of columns with alphas that lose all', () => {
  // Undoing three columns divides by 1e-9: nothing is left of what must be recovered.
  test.each([
    ['by anchors', 1, 'exact'],
    ['nowhere', Infinity, 'lost'],
  ])('kept %s', async (_, anchorEvery, expected) => {
    await expectNoLeak(() => {
      const x = normalTensor([1, 4, 4, 2], 1);
      const [got, stored] = (['reversible', 'stored'] as const).map((backprop) => {
        const backbone = layers.revColBackbone({
          ...{ name: 'kept', columns: 4, channels: [4, 5], depths: [0, 0], patchSize: 1 },
          ...{ anchorEvery, backprop },
        });
        tf.tidy(() => void backbone.apply(x));
        randomizeWeights(backbone.weights, 3, () => 1e-3);
        const step = takeStep(
          () => projectedLoss(backbone.apply(x, { training: true }) as tf.Tensor),
          backbone.trainableWeights,
        );
        backbone.dispose();
        return step.gradients;
      }) as [Step['gradients'], Step['gradients']];
      const { error } = worstError(got, stored);
      if (expected === 'exact') expect(error).toBeLessThan(1e-3);
      else expect(error).not.toBeLessThan(0.1);
      x.dispose();
    });
  });
});
