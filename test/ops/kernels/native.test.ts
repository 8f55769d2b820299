/**
 * The package's own TensorFlow operations (`native/`) against TensorFlow's, which the other tests compare
 * with other backends. `npm run native` builds the library; without it these tests are skipped.
 */
import * as fs from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import * as fc from 'fast-check';

import { AdamW } from 'tfjs-revcol';
import { defaultFile, sourceHash } from '../../../src/cli/native_build';
import { ConvNextFunction } from '../../../src/ops/blocks/convnext';
import { columnSum, productSum } from '../../../src/ops/column_sum';
import { geluBackward, geluForward } from '../../../src/ops/gelu';
import {
  ADAMW,
  AFFINE_NORM_GRAD,
  COLUMN_SUM,
  DEPTHWISE,
  DEPTHWISE_INPUT_GRAD,
  DEPTHWISE_KERNEL_GRAD,
  DOUBLED_GRAD,
  DOUBLED_SUM,
  FROM_PATCHES,
  GELU,
  GELU_GRAD,
  LAYER_NORM,
  LAYER_NORM_GRAD,
  PATCHES,
  PRODUCT_SUM,
  RESIDUAL_MLP,
  RESIDUAL_MLP_GRAD,
  SCALED_SUM,
  UNDO_LEVEL,
} from '../../../src/ops/kernels/contract';
import { hasKernel, runOwn } from '../../../src/ops/kernels/fused';
import {
  chooseNative,
  instructionSets,
  librarySource,
  NATIVE_FLAG,
  nativeOperations,
} from '../../../src/ops/kernels/tensorflow/library';
import { affineBackwardInput, normalize, normalizeBackward } from '../../../src/ops/layer_norm';
import { linearForward } from '../../../src/ops/linear';
import { fromPatches, toPatches, unpatch } from '../../../src/ops/patch_conv';
import { scaledSum, undone } from '../../../src/ops/scaled_sum';
import { upsampleBackward, upsampledSum } from '../../../src/ops/upsample';
import { BACKENDS, describeBackends, expectClose, expectNoLeak } from '../../support/backends';
import { runs } from '../../support/runs';
import { normals, normalTensor } from '../../support/training_step';
import {
  blockWeights,
  checkBlockSlopes,
  checkEmptyBlock,
  EMPTY_IMAGES,
  everything,
  type Size,
  SIZES,
  TRAINING,
} from './support/block';

const IS_BUILT = BACKENDS.includes('tensorflow') && fs.existsSync(defaultFile());
const ONLY = { only: IS_BUILT ? ['tensorflow'] : [] };
const CONTRACTS = [
  RESIDUAL_MLP,
  RESIDUAL_MLP_GRAD,
  DEPTHWISE,
  DEPTHWISE_INPUT_GRAD,
  DEPTHWISE_KERNEL_GRAD,
];
const LEVEL_CONTRACTS = [
  SCALED_SUM,
  UNDO_LEVEL,
  COLUMN_SUM,
  PRODUCT_SUM,
  DOUBLED_SUM,
  DOUBLED_GRAD,
  AFFINE_NORM_GRAD,
  PATCHES,
  FROM_PATCHES,
];

function withNative<T>(isOn: boolean, fn: () => T): T {
  tf.env().set(NATIVE_FLAG, isOn);
  try {
    return fn();
  } finally {
    tf.env().set(NATIVE_FLAG, true);
  }
}

const bitsOf = (tensors: tf.Tensor[]) => tensors.map((t) => [...t.dataSync()]);

/** The block by the library's operations, twice, against the block without them. */
function checkBlock(size: Size, dropRate: number): void {
  tf.tidy(() => {
    const w = blockWeights(size);
    const fn = new ConvNextFunction(w, dropRate, true);
    const [x, dy] = [normalTensor(size.image, 20), normalTensor(size.image, 21)];
    expect(CONTRACTS.every(hasKernel)).toBe(true);
    const got = everything(fn, x, dy);
    const expected = withNative(false, () => {
      expect(CONTRACTS.some(hasKernel)).toBe(false);
      return everything(fn, x, dy);
    });
    expect(got.length).toBe(12);
    got.forEach((g, i) => {
      const tolerance = i < 2 ? 1e-5 : 1e-4;
      expectClose(g, expected[i] as tf.Tensor, tolerance, `${JSON.stringify(size)} ${i}`);
    });
    // The same bits each time, whichever thread took which part.
    expect(bitsOf(everything(fn, x, dy))).toEqual(bitsOf(got));
  });
}

/** Normalisation and GELU by themselves, with their gradients. */
function checkRows(rows: number, c: number): void {
  tf.tidy(() => {
    const [x, dy] = [normalTensor([rows, c], 1), normalTensor([rows, c], 2)];
    const run = (): tf.Tensor[] => {
      const normalized = normalize(x, 1e-6);
      const { xhat, rstd } = normalized;
      const dx = normalizeBackward(dy, normalized);
      return [xhat, rstd, dx, geluForward(x), geluBackward(dy, x)];
    };
    expect([LAYER_NORM, LAYER_NORM_GRAD, GELU, GELU_GRAD].every(hasKernel)).toBe(true);
    const expected = withNative(false, run);
    run().forEach((got, i) =>
      expectClose(got, expected[i] as tf.Tensor, 1e-5, `[${rows}, ${c}] ${i}`),
    );
  });
}

/** What levels are added up by and undone by, on images of that size. */
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
    const normalized = normalize(x);
    const run = (): tf.Tensor[] => [
      scaledSum(x, alpha, y),
      scaledSum(x, alpha, beta),
      undone(x, y, alpha),
      columnSum(x),
      productSum(x, y),
      upsampledSum(x, large),
      upsampleBackward(large, shape),
      affineBackwardInput(dy, alpha, normalized),
    ];
    expect(LEVEL_CONTRACTS.every(hasKernel)).toBe(true);
    const expected = withNative(false, run);
    const got = run();
    got.forEach((g, i) => expectClose(g, expected[i] as tf.Tensor, 1e-5, `[${shape}] ${i}`));
    expect(bitsOf(run())).toEqual(bitsOf(got));
    // Levels are the same in both modes, of which one adds them up by operations of tfjs, and the other not.
    expect(bitsOf(got.slice(0, 3))).toEqual(bitsOf(expected.slice(0, 3)));
  });
}

/** Patches of an image and back, and linear layers of its pixels. */
function checkLinear([b, h, w, c]: Size['image'], m: number, side: number): void {
  tf.tidy(() => {
    const shape = [b, h, w, c];
    const x = normalTensor(shape, 1);
    const [kernel, bias] = [normalTensor([c, m], 2), normalTensor([m], 3)];
    const run = (): tf.Tensor[] => {
      const rows = toPatches(x, side);
      const spread = unpatch(normalTensor([b, h, w, side * side * c], 4), side);
      return [rows, fromPatches(rows, shape, side), linearForward(x, kernel, bias), spread];
    };
    const expected = withNative(false, run);
    run().forEach((g, i) => {
      const other = expected[i] as tf.Tensor;
      expect(g.shape).toEqual(other.shape);
      if (g.size > 0) expectClose(g, other, 1e-5, `[${shape}] ${m} ${side} ${i}`);
    });
  });
}

/** Steps of AdamW, the first of which makes the moments. */
function checkAdamW(size: number): void {
  const train = (): Float32Array =>
    tf.tidy(() => {
      const weight = tf.variable(normalTensor([size], 1));
      const optimizer = new AdamW({ learningRate: 0.1, weightDecay: 0.1 });
      for (let step = 0; step < 4; step++) {
        optimizer.applyGradients({ [weight.name]: normalTensor([size], 2 + step) });
      }
      const values = weight.dataSync() as Float32Array;
      optimizer.dispose();
      weight.dispose();
      return values;
    });
  expect(hasKernel(ADAMW)).toBe(true);
  expectClose(train(), withNative(false, train), 1e-6, `AdamW of ${size}`);
}

const WAYS = ['avx512', 'avx2', 'plain'].flatMap((instructions) =>
  [1, 2, 3].map((threads) => [instructions, threads] as const),
);

describeBackends(
  "the package's TensorFlow operations",
  () => {
    let chosen: { instructions: string; threads: number };
    beforeAll(() => {
      chosen = chooseNative('', 0);
    });
    afterEach(() => {
      chooseNative(chosen.instructions, chosen.threads);
    });

    test('are built from the source that is here', async () => {
      expect({ 'npm run native builds them': librarySource() }).toEqual({
        'npm run native builds them': await sourceHash(),
      });
    });

    test.each(WAYS)('equal those of TensorFlow: %s, %d threads', async (instructions, threads) => {
      // A processor that lacks them cannot try them; the plain ones run everywhere.
      if (!instructionSets().includes(instructions)) return;
      expect(chooseNative(instructions, threads)).toEqual({ instructions, threads });
      await expectNoLeak(() => {
        fc.assert(
          fc.property(SIZES, fc.constantFrom(0, 0.5), (size, dropRate) => {
            checkBlock(size, dropRate);
            checkLevels(size.image);
            checkLinear(size.image, size.m, 1 + (size.m % 4));
          }),
          { numRuns: runs(6), seed: 10 * threads + instructions.length },
        );
        for (const c of [3, 16, 37, 4100]) {
          checkRows(5, c);
          checkAdamW(c);
        }
        // So many rows that they are divided into blocks.
        checkBlock({ image: [3, 13, 15, 20], m: 33, k: 3 }, 0.5);
        checkLinear([3, 13, 15, 20], 70, 4);
      });
    });

    test('give the same bits whichever thread takes which part, of the smallest numbers, too', async () => {
      await expectNoLeak(() => {
        for (const threads of [1, 3]) {
          chooseNative('', threads);
          for (let i = 0; i < 20; i++) {
            tf.tidy(() => {
              // Squares of these are no normal numbers, which TensorFlow takes for 0.
              const gradient = tf.fill([40 * 4096], 1e-20);
              const zeros = tf.zerosLike(gradient);
              const inputs = { weight: zeros, gradient, m: zeros, v: zeros };
              const factors = { beta1: 0.9, beta2: 0.999, kept: 1, size: 0.1, epsilon: 1e-8 };
              const { newV } = runOwn(ADAMW, inputs, factors);
              expect([threads, newV.dataSync().filter((v) => v !== 0).length]).toEqual([
                threads,
                0,
              ]);
            });
          }
        }
      });
    });

    test('in several passes, where activations are large', async () => {
      await expectNoLeak(() => checkBlock({ image: [2, 13, 11, 5], m: 33000, k: 1 }, 0.5));
    });

    test('have gradients that finite differences confirm', async () => {
      await expectNoLeak(() => tf.tidy(checkBlockSlopes));
    });

    test('of nothing: no samples, no pixels', async () => {
      for (const image of EMPTY_IMAGES) {
        await expectNoLeak(() =>
          tf.tidy(() => {
            const { x, w } = checkEmptyBlock(image);
            const levels = [
              scaledSum(x, w.gamma, x),
              undone(x, x, w.gamma),
              affineBackwardInput(x, w.gamma, normalize(x)),
              linearForward(x, tf.zeros([5, 5]), w.gamma),
              fromPatches(toPatches(x, 2), [...image], 2),
              upsampleBackward(tf.zeros([image[0], 2 * image[1], 8, 5]), image),
            ];
            for (const t of levels) expect(t.shape).toEqual(image);
            for (const t of [columnSum(x), productSum(x, x)]) {
              expect([...t.dataSync()]).toEqual([0, 0, 0, 0, 0]);
            }
          }),
        );
      }
    });

    test('a frozen block and changed kernels go other ways, and agree', async () => {
      const size: Size = { image: [2, 4, 3, 6], m: 8, k: 3 };
      await expectNoLeak(() =>
        tf.tidy(() => {
          const w = blockWeights(size);
          const [x, dy] = [normalTensor(size.image, 20), normalTensor(size.image, 21)];
          const frozen = new ConvNextFunction(w, 0.5, false);
          const got = everything(frozen, x, dy);
          const expected = withNative(false, () => everything(frozen, x, dy));
          expect(got.length).toBe(3);
          got.forEach((g, i) => expectClose(g, expected[i] as tf.Tensor, 1e-5, String(i)));
        }),
      );
    });

    test('refuse shapes that do not fit, and say which', async () => {
      await expectNoLeak(() =>
        tf.tidy(() => {
          const [u, c, m] = [tf.zeros([2, 3]), tf.zeros([3]), tf.zeros([5])];
          const inputs = {
            u,
            residual: u,
            gamma: c,
            beta: c,
            expandKernel: tf.zeros([3, 5]),
            expandBias: m,
            projectKernel: tf.zeros([5, 3]),
            projectBias: c,
            layerScale: c,
          };
          const run = (changed: Partial<typeof inputs> & { survival?: tf.Tensor }) => () =>
            runOwn(RESIDUAL_MLP, { ...inputs, ...changed }, { epsilon: 1e-6 });
          expect(run({})().shape).toEqual([2, 3]);
          expect(run({ beta: m })).toThrow('beta must have shape [3], but has [5]');
          expect(run({ residual: tf.zeros([3, 2]) })).toThrow('residual must have shape [2,3]');
          expect(run({ survival: c })).toThrow('survival must have shape [2], but has [3]');
          expect(run({ u: tf.scalar(1) })).toThrow('u has shape [], which has too few axes');
          expect(run({ projectKernel: tf.zeros([5, 3], 'int32') })).toThrow('float32');
          const images = tf.zeros([1, 2, 2, 3]);
          const convolve = (kernel: tf.Tensor) => () =>
            runOwn(DEPTHWISE, { x: images, kernel, bias: c }, {});
          expect(convolve(tf.zeros([3, 2, 3, 1]))).toThrow('kernel must have shape [3,3,3,1]');
          expect(() => linearForward(u, tf.zeros([4, 5]), m)).toThrow('b must have shape [3,5]');
          expect(() => linearForward(u, tf.zeros([3, 5]), c)).toThrow('bias must have shape [5]');
          const settings = { size: 2, batch: 1, height: 2, width: 2 };
          const back = (rows: tf.Tensor) => () => runOwn(FROM_PATCHES, { rows }, settings);
          expect(back(tf.zeros([2, 12]))).toThrow('rows must have shape [1,12]');
          expect(back(tf.zeros([1, 7]))).toThrow('as long as patches');
          expect(() => scaledSum(u, c, m)).toThrow('other must have shape [3], but has [5]');
          expect(() => undone(u, tf.zeros([3, 3]), c)).toThrow('f must have shape [2,3]');
          expect(() => productSum(u, tf.zeros([3, 3]))).toThrow('y must have shape [2,3]');
          expect(() => runOwn(DOUBLED_GRAD, { dy: tf.zeros([1, 3, 2, 1]) }, {})).toThrow('even');
        }),
      );
    });

    test('numbers that are not finite stay that', () => {
      tf.tidy(() => {
        const w = blockWeights({ image: [1, 2, 2, 4], m: 6, k: 1 });
        const values = normals(1, 16);
        values[5] = NaN;
        const x = tf.tensor(values, [1, 2, 2, 4]);
        const y = new ConvNextFunction(w, 0, true).forward([x], TRAINING).dataSync();
        const isNaN = [...y].map(Number.isNaN);
        expect(isNaN).toEqual(Array.from({ length: 16 }, (_, i) => i >= 4 && i < 8));
      });
    });

    test('are off where the flag or a GPU says so, and say why', () => {
      const state = nativeOperations();
      expect(state).toMatchObject({ on: true, ...chosen });
      expect(withNative(false, nativeOperations)).toEqual({
        on: false,
        reason: 'the tfjs flag REVCOL_NATIVE is false',
      });
      const backend = tf.backend() as unknown as { isUsingGpuDevice: boolean };
      backend.isUsingGpuDevice = true;
      try {
        expect(hasKernel(RESIDUAL_MLP)).toBe(false);
        expect(nativeOperations()).toMatchObject({ on: false });
        expect(() => chooseNative('', 1)).toThrow('on a GPU');
      } finally {
        backend.isUsingGpuDevice = false;
      }
      expect(hasKernel(RESIDUAL_MLP)).toBe(true);
      expect(() => chooseNative('avx9', 0)).toThrow('this processor has no avx9');
    });
  },
  ONLY,
);
