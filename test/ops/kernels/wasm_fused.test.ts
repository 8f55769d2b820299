/** The package's fused kernels on wasm against tfjs's operations, which the other tests compare with other backends. */
import 'tfjs-revcol';
import * as tf from '@tensorflow/tfjs';
import * as fc from 'fast-check';

import { ConvNextFunction } from '../../../src/ops/blocks/convnext';
import { columnSum, productSum } from '../../../src/ops/column_sum';
import * as contracts from '../../../src/ops/kernels/contract';
import { hasKernel, runOwn } from '../../../src/ops/kernels/fused';
import { SIMD_FLAG } from '../../../src/ops/kernels/simd_module';
import { affineBackwardInput, normalize } from '../../../src/ops/layer_norm';
import { scaledSum, undone } from '../../../src/ops/scaled_sum';
import { upsampleBackward, upsampledSum } from '../../../src/ops/upsample';
import { describeBackends, expectClose, expectNoLeak } from '../../support/backends';
import { runs } from '../../support/runs';
import { normalTensor } from '../../support/training_step';
import {
  blockWeights,
  checkBlockSlopes,
  checkEmptyBlock,
  EMPTY_IMAGES,
  everything,
  type Size,
  SIZES,
} from './support/block';

const FUSED = [
  contracts.RESIDUAL_MLP,
  contracts.RESIDUAL_MLP_KEPT,
  contracts.RESIDUAL_MLP_GRAD,
  contracts.DEPTHWISE,
  contracts.DEPTHWISE_INPUT_GRAD,
  contracts.DEPTHWISE_KERNEL_GRAD,
  contracts.AFFINE_NORM_GRAD,
  contracts.PRODUCT_SUM,
  contracts.SCALED_SUM,
  contracts.UNDO_LEVEL,
  contracts.DOUBLED_SUM,
  contracts.DOUBLED_GRAD,
];

function plainly<T>(fn: () => T): T {
  tf.env().set(SIMD_FLAG, false);
  try {
    expect(FUSED.some(hasKernel)).toBe(false);
    return fn();
  } finally {
    tf.env().set(SIMD_FLAG, true);
  }
}

const bitsOf = (tensors: tf.Tensor[]) => tensors.map((t) => [...t.dataSync()]);

/** What `run` gives with the kernels, against what it gives without them. */
function expectAlike(what: string, tolerance: number, run: () => tf.Tensor[]): tf.Tensor[] {
  const expected = plainly(run);
  const results = run();
  results.forEach((got, i) => {
    const name = `${what} ${i}`;
    expect({ [name]: got.shape }).toEqual({ [name]: expected[i]?.shape });
    if (got.size > 0) expectClose(got, expected[i] as tf.Tensor, tolerance, name);
  });
  expect(bitsOf(results.slice(0, 4)).map(String)).toEqual(bitsOf(run().slice(0, 4)).map(String));
  return expected;
}

function checkLevels([b, h, w, c]: Size['image']): void {
  tf.tidy(() => {
    const shape = [b, h, w, c];
    const [x, y, dy] = [1, 2, 3].map((seed) => normalTensor(shape, seed)) as [
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
    ];
    const [alpha, beta] = [tf.add(normalTensor([c], 4), 3), normalTensor([c], 5)];
    const large = normalTensor([b, 2 * h, 2 * w, c], 6);
    const kept = normalize(x);
    const run = () => [
      scaledSum(x, alpha, y),
      scaledSum(x, alpha, beta),
      undone(x, y, alpha),
      upsampledSum(x, large),
      upsampleBackward(large, shape),
      productSum(x, y),
      columnSum(x),
      ...(c > 2 ? [affineBackwardInput(dy, alpha, kept)] : []),
    ];
    const expected = expectAlike(`[${shape}]`, 1e-5, run);
    // Levels are the same in both modes, of which one adds them up by operations of tfjs, and the other not.
    expect(bitsOf(run().slice(0, 4))).toEqual(bitsOf(expected.slice(0, 4)));
  });
}

function checkBlock(size: Size, dropRate: number): void {
  tf.tidy(() => {
    const fn = new ConvNextFunction(blockWeights(size), dropRate, true);
    const [x, dy] = [normalTensor(size.image, 20), normalTensor(size.image, 21)];
    expectAlike(JSON.stringify(size), 1e-4, () => everything(fn, x, dy));
  });
}

/** Inputs of the half of a block after its depthwise convolution. */
function halfOf(size: Size) {
  const { gamma, beta, expandKernel, expandBias, projectKernel, projectBias, layerScale } =
    blockWeights(size);
  return {
    ...{ gamma, beta, expandKernel, expandBias, projectKernel, projectBias, layerScale },
    u: normalTensor(size.image, 20),
  };
}

const EPSILON = { epsilon: 1e-6 };

describeBackends(
  "the package's fused kernels on wasm",
  () => {
    test('are there', () => {
      expect(FUSED.filter((contract) => !hasKernel(contract))).toEqual([]);
    });

    test('add up levels and undo them to the bits of tfjs', async () => {
      await expectNoLeak(() => {
        fc.assert(
          fc.property(SIZES, ({ image }) => checkLevels(image)),
          { numRuns: runs(6), seed: 1 },
        );
        for (const c of [1, 2, 4, 33]) checkLevels([2, 3, 5, c]);
        // More rows than are summed in float32.
        checkLevels([1, 17, 21, 5]);
      });
    });

    test('run a block and differentiate it as tfjs does', async () => {
      await expectNoLeak(() => {
        fc.assert(fc.property(SIZES, fc.constantFrom(0, 0.5), checkBlock), {
          numRuns: runs(8),
          seed: 2,
        });
        // A filter larger than the image, an even one, and hidden values of fewer than a vector.
        checkBlock({ image: [2, 2, 3, 8], m: 5, k: 7 }, 0);
        checkBlock({ image: [1, 4, 5, 6], m: 9, k: 4 }, 0);
        checkBlock({ image: [1, 1, 1, 3], m: 1, k: 3 }, 0);
      });
    });

    test('in several passes, where hidden values are many', async () => {
      await expectNoLeak(() => checkBlock({ image: [3, 7, 9, 5], m: 8300, k: 1 }, 0.5));
    });

    test('have gradients that finite differences confirm', async () => {
      await expectNoLeak(() => tf.tidy(checkBlockSlopes));
    });

    test('give the same bits with what the forward pass kept and without', async () => {
      await expectNoLeak(() =>
        tf.tidy(() => {
          const size: Size = { image: [3, 7, 9, 5], m: 8300, k: 1 };
          const [half, dy] = [halfOf(size), normalTensor(size.image, 21)];
          const survival = tf.tensor1d([2, 0, 2]);
          const inputs = { ...half, residual: dy, survival };
          const { y, kept } = runOwn(contracts.RESIDUAL_MLP_KEPT, inputs, EPSILON);
          const alone = runOwn(contracts.RESIDUAL_MLP, inputs, EPSILON);
          expect(bitsOf([y]).map(String)).toEqual(bitsOf([alone]).map(String));
          const given = { ...half, dy, survival };
          const back = (more: { kept?: tf.Tensor }) =>
            Object.values(runOwn(contracts.RESIDUAL_MLP_GRAD, { ...given, ...more }, EPSILON));
          expect(bitsOf(back({ kept })).map(String)).toEqual(bitsOf(back({})).map(String));
        }),
      );
    });

    test('of nothing: no samples, no pixels', async () => {
      for (const image of EMPTY_IMAGES) {
        await expectNoLeak(() =>
          tf.tidy(() => {
            const { x, w } = checkEmptyBlock(image);
            const double = tf.zeros([image[0], 2 * image[1], 8, 5]);
            const levels = [
              scaledSum(x, w.gamma, x),
              undone(x, x, w.gamma),
              affineBackwardInput(x, w.gamma, normalize(x)),
              upsampleBackward(double, image),
            ];
            for (const t of levels) expect(t.shape).toEqual(image);
            expect(upsampledSum(x, double).shape).toEqual(double.shape);
            expect([...productSum(x, x).dataSync()]).toEqual([0, 0, 0, 0, 0]);
          }),
        );
      }
    });

    test('refuse what does not fit', async () => {
      await expectNoLeak(() =>
        tf.tidy(() => {
          const half = halfOf({ image: [2, 3, 4, 5], m: 7, k: 3 });
          const dy = tf.zerosLike(half.u);
          const run = (contract: contracts.KernelContract, inputs: tf.NamedTensorMap) => () =>
            tf.engine().runKernel(contract.name, inputs, EPSILON);
          const { RESIDUAL_MLP, RESIDUAL_MLP_GRAD, SCALED_SUM, DOUBLED_GRAD, DEPTHWISE } =
            contracts;
          const three = tf.zeros([3]);
          expect(run(RESIDUAL_MLP, { ...half, residual: three })).toThrow('all must be alike');
          expect(run(RESIDUAL_MLP_GRAD, { ...half, dy, gamma: three })).toThrow(
            'gamma has shape [3], [5] is expected',
          );
          expect(run(RESIDUAL_MLP_GRAD, { ...half, dy, survival: three })).toThrow(
            'survival has shape [3], [2] is expected',
          );
          expect(run(RESIDUAL_MLP_GRAD, { ...half, dy, kept: three })).toThrow(
            'kept has shape [3], [24, 7] is expected',
          );
          expect(run(SCALED_SUM, { x: dy, scale: three, other: dy })).toThrow('[5] is expected');
          expect(run(DOUBLED_GRAD, { dy: tf.zeros([1, 3, 2, 1]) })).toThrow(
            'twice as high and wide',
          );
          expect(run(DEPTHWISE, { x: dy, kernel: tf.zeros([3, 2, 5, 1]), bias: three })).toThrow(
            '[side, side, channels, 1]',
          );
        }),
      );
    });
  },
  { only: ['wasm'] },
);
