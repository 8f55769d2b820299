/** The package's own programs on webgl against tfjs's operations, which the other tests compare with other backends. */
import * as tf from '@tensorflow/tfjs';
import * as fc from 'fast-check';

import { AdamW, SGD } from 'tfjs-revcol';
import { ConvNextFunction } from '../../../src/ops/blocks/convnext';
import { columnSum, productSum } from '../../../src/ops/column_sum';
import { geluBackward, geluForward } from '../../../src/ops/gelu';
import * as contracts from '../../../src/ops/kernels/contract';
import { hasKernel } from '../../../src/ops/kernels/fused';
import { WEBGL_FLAG } from '../../../src/ops/kernels/webgl/backend';
import { affineBackwardInput, normalize, normalizeBackward } from '../../../src/ops/layer_norm';
import { linearForward } from '../../../src/ops/linear';
import { matMul2d } from '../../../src/ops/mat_mul';
import { fromPatches, toPatches } from '../../../src/ops/patch_conv';
import { scaledSum, undone } from '../../../src/ops/scaled_sum';
import { upsampleBackward, upsampledSum } from '../../../src/ops/upsample';
import { describeBackends, expectClose, expectNoLeak } from '../../support/backends';
import { runs } from '../../support/runs';
import { normalTensor } from '../../support/training_step';
import {
  blockWeights,
  checkEmptyBlock,
  EMPTY_IMAGES,
  everything,
  type Size,
  SIZES,
} from './support/block';

/** Those that webgl has no program for: bytes are no textures, hidden values are not kept. */
const ABSENT: readonly contracts.KernelContract[] = [
  contracts.BATCH_MAT_MUL,
  contracts.ADAMW_8BIT,
  contracts.RESIDUAL_MLP_KEPT,
];
const CONTRACTS = (Object.values(contracts) as contracts.KernelContract[]).filter(
  (contract) => !ABSENT.includes(contract),
);

const ATTRIBUTES = { beta1: 0.9, beta2: 0.9, kept: 1, size: 1, epsilon: 1 };

function plainly<T>(fn: () => T): T {
  tf.env().set(WEBGL_FLAG, false);
  try {
    expect(CONTRACTS.some(hasKernel)).toBe(false);
    return fn();
  } finally {
    tf.env().set(WEBGL_FLAG, true);
  }
}

/** What `run` gives with the programs, against what it gives without them. */
function expectAlike(what: string, tolerance: number, run: () => tf.Tensor[]): void {
  tf.tidy(() => {
    const expected = plainly(run);
    run().forEach((got, i) => {
      const name = `${what} ${i}`;
      expect({ [name]: got.shape }).toEqual({ [name]: expected[i]?.shape });
      if (got.size > 0) expectClose(got, expected[i] as tf.Tensor, tolerance, name);
    });
  });
}

/** Texels hold two rows and two columns each, so parity matters, and so does what came before. */
const SHAPES = [
  [5, 4],
  [4, 5],
  [1, 1],
  [1, 7],
  [3, 1],
  [2, 3, 5],
  [2, 3, 3, 7],
  [1, 1, 1, 6],
  [6, 5, 4, 2],
];
const EMPTY = [
  [0, 4],
  [2, 0, 3, 4],
];
/** More row pairs than one invocation adds up. */
const TALL = [2503, 6];

function checkRows(shape: number[]): void {
  const [x, dy] = [normalTensor(shape, 1), normalTensor(shape, 2)];
  const [scale, shift] = [normalTensor(shape.slice(-1), 3), normalTensor(shape.slice(-1), 4)];
  expectAlike(`rows ${shape}`, 1e-5, () => {
    const kept = normalize(x, 1e-6);
    const last = [
      kept.xhat,
      kept.rstd,
      geluForward(x),
      geluBackward(dy, x),
      columnSum(x),
      productSum(x, dy),
      scaledSum(x, scale, shift),
      scaledSum(x, scale, dy),
      undone(x, dy, scale),
    ];
    // Of few channels normalisation leaves little but signs, and its gradient is rounding errors.
    if ((shape.at(-1) as number) <= 3) return last;
    return [...last, normalizeBackward(dy, kept), affineBackwardInput(dy, scale, kept)];
  });
  tf.dispose([x, dy, scale, shift]);
}

/** Images of `[batch, height, width, channels]`, cut into patches and doubled, and back. */
function checkImage(shape: [number, number, number, number], size: number): void {
  const [batch, height, width, channels] = shape;
  const x = normalTensor(shape, 1);
  const large = normalTensor([batch, 2 * height, 2 * width, channels], 2);
  expectAlike(`image ${shape} by ${size}`, 1e-6, () => {
    const rows = toPatches(x, size);
    return [
      rows,
      fromPatches(rows, shape, size),
      upsampledSum(x, large),
      upsampleBackward(large, shape),
    ];
  });
  tf.dispose([x, large]);
}

/** Steps of optimizers, the first of which makes what they keep. */
function checkSteps(shape: number[], make: () => tf.Optimizer): void {
  expectAlike(`step of ${shape}`, 1e-6, () => {
    const weight = tf.variable(normalTensor(shape, 1));
    const optimizer = make();
    for (let step = 0; step < 3; step++) {
      optimizer.applyGradients({ [weight.name]: normalTensor(shape, 2 + step) });
    }
    const after = tf.clone(weight);
    optimizer.dispose();
    weight.dispose();
    return [after];
  });
}

/** tfjs cannot add up what is empty. */
function checkEmpty(shape: number[]): void {
  tf.tidy(() => {
    const x = tf.zeros(shape);
    const kept = normalize(x, 1e-6);
    const all = [kept.xhat, normalizeBackward(x, kept), geluForward(x), geluBackward(x, x)];
    for (const y of all) expect(y.shape).toEqual(shape);
    expect(kept.rstd.shape).toEqual([...shape.slice(0, -1), 1]);
    expectClose(columnSum(x), tf.zeros([shape.at(-1) as number]), 0);
  });
}

function checkProducts([m, k, n]: readonly [number, number, number]): void {
  const matrices = [normalTensor([m, k], 1), normalTensor([k, n], 2)] as const;
  const turned = matrices.map((x) => tf.transpose(x));
  const bias = normalTensor([n], 3);
  expectAlike(`product ${[m, k, n]}`, 1e-5, () => {
    const [a, b] = matrices;
    const [at, bt] = turned as [tf.Tensor, tf.Tensor];
    return [
      matMul2d(a, b),
      matMul2d(at, b, true),
      matMul2d(a, bt, false, true),
      matMul2d(at, bt, true, true),
      linearForward(a, b, bias),
    ];
  });
  tf.dispose([...matrices, ...turned, bias]);
}

function checkBlock(size: Size, dropRate: number, tolerance = 1e-4): void {
  tf.tidy(() => {
    const fn = new ConvNextFunction(blockWeights(size), dropRate, true);
    const [x, dy] = [normalTensor(size.image, 20), normalTensor(size.image, 21)];
    expectAlike(JSON.stringify(size), tolerance, () => everything(fn, x, dy));
  });
}

describeBackends(
  "the package's programs on webgl",
  () => {
    beforeEach(() => {
      expect(CONTRACTS.every(hasKernel)).toBe(true);
    });

    test('normalise, activate and add up as tfjs does', async () => {
      await expectNoLeak(() => [...SHAPES, TALL].forEach(checkRows));
    });

    test('normalise, activate and add up nothing', async () => {
      await expectNoLeak(() => EMPTY.forEach(checkEmpty));
    });

    test('multiply matrices as tfjs does', async () => {
      await expectNoLeak(() => {
        const sizes = [
          [1, 1, 1],
          [2, 4, 6],
          [3, 5, 7],
          [1, 9, 4],
          [6, 1, 1],
          [1, 1200, 3],
        ] as const;
        sizes.forEach(checkProducts);
      });
    });

    test('multiply what is empty', async () => {
      await expectNoLeak(() =>
        tf.tidy(() => {
          const bias = normalTensor([3], 1);
          const product = linearForward(tf.zeros([2, 0]), tf.zeros([0, 3]), bias);
          expectClose(product, tf.tile(tf.reshape(bias, [1, 3]), [2, 1]), 0);
          expectClose(matMul2d(tf.zeros([0, 2]), tf.zeros([0, 3]), true), tf.zeros([2, 3]), 0);
          expect(matMul2d(tf.zeros([0, 2]), tf.zeros([2, 3])).shape).toEqual([0, 3]);
        }),
      );
    });

    test('run a block and differentiate it as tfjs does', async () => {
      await expectNoLeak(() => {
        fc.assert(
          fc.property(SIZES, fc.constantFrom(0, 0.5), (size, dropRate) => {
            checkBlock(size, dropRate);
          }),
          { numRuns: runs(10), seed: 7 },
        );
        // More image rows than one invocation adds up, and more pixels.
        checkBlock({ image: [3, 50, 31, 4], m: 6, k: 3 }, 0);
      });
    });

    test('cut and resize images as tfjs does', async () => {
      await expectNoLeak(() => {
        checkImage([2, 4, 4, 4], 2);
        checkImage([1, 5, 7, 3], 2);
        checkImage([3, 3, 3, 5], 3);
        checkImage([1, 9, 8, 1], 4);
        checkImage([2, 1, 1, 6], 1);
      });
    });

    test('take steps as tfjs does', async () => {
      await expectNoLeak(() => {
        for (const shape of [[], [5], [3, 3, 5, 1], [4, 6]]) {
          checkSteps(shape, () => new AdamW({ learningRate: 0.1, weightDecay: 0.1 }));
          checkSteps(shape, () => new SGD({ learningRate: 0.1, weightDecay: 0.1 }));
          checkSteps(shape, () => new SGD({ learningRate: 0.1, momentum: 0.9, nesterov: true }));
        }
      });
    });

    test('of nothing: no samples, no pixels', async () => {
      for (const image of EMPTY_IMAGES) {
        await expectNoLeak(() =>
          tf.tidy(() => {
            checkEmptyBlock(image);
          }),
        );
      }
    });

    test('leave out what lies beyond odd edges', async () => {
      await expectNoLeak(() =>
        tf.tidy(() => {
          // Texels have zeros there, whose logarithm is no number.
          const edged = (shape: number[], seed: number) =>
            tf.log(tf.abs(normalTensor(shape, seed)));
          const [x, w] = [edged([3, 5], 1), edged([5, 7], 2)];
          const run = (a: tf.Tensor, b: tf.Tensor) => [
            matMul2d(a, b),
            matMul2d(a, a, true),
            matMul2d(a, a, false, true),
            columnSum(a),
            productSum(a, a),
            normalize(a).xhat,
            geluForward(a),
          ];
          const [cleanX, cleanW] = [x, w].map((t) => tf.tensor(t.dataSync(), t.shape)) as [
            tf.Tensor,
            tf.Tensor,
          ];
          const expected = plainly(() => run(cleanX, cleanW));
          run(x, w).forEach((got, i) => {
            expectClose(got, expected[i] as tf.Tensor, 1e-5, `odd ${i}`);
          });
        }),
      );
    });

    test('refuse what does not fit', async () => {
      await expectNoLeak(() =>
        tf.tidy(() => {
          const [a, b] = [tf.zeros([2, 3]), tf.zeros([2, 3])];
          expect(() => matMul2d(a, b)).toThrow('the inner sizes must be alike');
          const run = (inputs: tf.NamedTensorMap) => () =>
            tf.engine().runKernel(contracts.ADAMW.name, { weight: a, ...inputs }, ATTRIBUTES);
          expect(run({ gradient: tf.zeros([3, 2]) })).toThrow('all must be alike');
          expect(run({ gradient: a, m: a })).toThrow('both there or neither');
        }),
      );
    });
  },
  { only: ['webgl'] },
);
