/** The package's own programs on webgpu against tfjs's operations, which the other tests compare with other backends. */
import * as tf from '@tensorflow/tfjs';
import * as fc from 'fast-check';

import { AdamW, SGD } from 'tfjs-revcol';
import { ConvNextFunction } from '../../../src/ops/blocks/convnext';
import { columnSum, productSum } from '../../../src/ops/column_sum';
import { geluBackward, geluForward } from '../../../src/ops/gelu';
import * as contracts from '../../../src/ops/kernels/contract';
import { hasKernel } from '../../../src/ops/kernels/fused';
import { WEBGPU_FLAG } from '../../../src/ops/kernels/webgpu/backend';
import { affineBackwardInput, normalize, normalizeBackward } from '../../../src/ops/layer_norm';
import { linearForward } from '../../../src/ops/linear';
import { batchMatMul, matMul2d } from '../../../src/ops/mat_mul';
import { fromPatches, toPatches } from '../../../src/ops/patch_conv';
import { scaledSum, undone } from '../../../src/ops/scaled_sum';
import { upsampleBackward, upsampledSum } from '../../../src/ops/upsample';
import { describeBackends, expectClose, expectNoLeak } from '../../support/backends';
import { runs } from '../../support/runs';
import { normals, normalTensor } from '../../support/training_step';
import { blockWeights, EMPTY_IMAGES, everything, type Size, SIZES } from './support/block';

/**
 * Those that webgpu has no program for: attention goes other ways, bytes have four bytes each there, and
 * hidden values are not kept.
 */
const ABSENT: readonly contracts.KernelContract[] = [
  contracts.ATTENTION,
  contracts.ATTENTION_GRAD,
  contracts.ADAMW_8BIT,
  contracts.RESIDUAL_MLP_KEPT,
];
const CONTRACTS = (Object.values(contracts) as contracts.KernelContract[]).filter(
  (contract) => !ABSENT.includes(contract),
);

function plainly<T>(fn: () => T): T {
  tf.env().set(WEBGPU_FLAG, false);
  try {
    expect(CONTRACTS.some(hasKernel)).toBe(false);
    return fn();
  } finally {
    tf.env().set(WEBGPU_FLAG, true);
  }
}

/** Values of tensors, which are freed. */
async function valuesOf(tensors: tf.Tensor[]): Promise<tf.TypedArray[]> {
  try {
    return await Promise.all(tensors.map((tensor) => tensor.data()));
  } finally {
    tf.dispose(tensors);
  }
}

/** What `run` gives with the programs, against what it gives without them. */
async function expectAlike(what: string, tolerance: number, run: () => tf.Tensor[]): Promise<void> {
  const [expected, got] = [plainly(() => tf.tidy(run)), tf.tidy(run)];
  const shapes = [got, expected].map((all) => all.map(({ shape }) => shape));
  const [found, right] = [await valuesOf(got), await valuesOf(expected)];
  expect({ [what]: shapes[0] }).toEqual({ [what]: shapes[1] });
  found.forEach((values, i) => {
    if (values.length === 0) return;
    expectClose(values, right[i] as tf.TypedArray, tolerance, `${what} ${i}`);
  });
}

const SHAPES = [
  [5, 4],
  [1, 1],
  [1, 7],
  [3, 1],
  [2, 3, 5],
  [2, 3, 3, 7],
  // More columns than a workgroup has invocations for a row.
  [3, 131],
  // More rows than a workgroup adds up, in parts of an odd number.
  [4099, 6],
];
const EMPTY = [
  [0, 4],
  [2, 0, 3, 4],
];

async function checkRows(shape: number[]): Promise<void> {
  const [x, dy] = [normalTensor(shape, 1), normalTensor(shape, 2)];
  const [scale, shift] = [normalTensor(shape.slice(-1), 3), normalTensor(shape.slice(-1), 4)];
  await expectAlike(`rows ${shape}`, 1e-5, () => {
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
async function checkImage(shape: [number, number, number, number], size: number): Promise<void> {
  const [batch, height, width, channels] = shape;
  const x = normalTensor(shape, 1);
  const large = normalTensor([batch, 2 * height, 2 * width, channels], 2);
  await expectAlike(`image ${shape} by ${size}`, 1e-6, () => {
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
async function checkSteps(shape: number[], make: () => tf.Optimizer): Promise<void> {
  await expectAlike(`step of ${shape}`, 1e-6, () => {
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

/** `op(a) op(b)` in double precision, of one matrix. */
function exactProduct(a: ArrayLike<number>, b: ArrayLike<number>, m: number, k: number, n: number) {
  const c = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    for (let t = 0; t < k; t++) {
      for (let j = 0; j < n; j++) {
        const term = (a[i * k + t] as number) * (b[t * n + j] as number);
        c[i * n + j] = (c[i * n + j] as number) + term;
      }
    }
  }
  return c;
}

/** Against double precision: tfjs's own products of long sums are wrong here. */
async function checkProducts([m, k, n]: readonly [number, number, number]): Promise<void> {
  const [a, b, shift] = [normals(1, m * k), normals(2, k * n), normals(3, n)];
  const exact = exactProduct(a, b, m, k, n);
  const products = tf.tidy(() => {
    const [x, y] = [tf.tensor2d(a, [m, k]), tf.tensor2d(b, [k, n])];
    const [xt, yt] = [tf.transpose(x), tf.transpose(y)];
    const [xs, ys] = [tf.stack([y, y]), tf.stack([yt, yt])];
    const pair = tf.stack([x, tf.zerosLike(x)]);
    return [
      matMul2d(x, y),
      matMul2d(xt, y, true),
      matMul2d(x, yt, false, true),
      matMul2d(xt, yt, true, true),
      batchMatMul(pair, xs),
      batchMatMul(pair, ys, false, true),
      batchMatMul(tf.transpose(pair, [0, 2, 1]), ys, true, true),
      linearForward(x, y, tf.tensor1d(shift)),
    ];
  });
  const values = await valuesOf(products);
  values.slice(0, 7).forEach((got, i) => {
    expectClose(got.subarray(0, m * n), exact, 1e-5, `product ${[m, k, n]} ${i}`);
    expect(got.subarray(m * n).every((value) => value === 0)).toBe(true);
  });
  const shifted = exact.map((value, i) => value + (shift[i % n] as number));
  expectClose(values[7] as tf.TypedArray, shifted, 1e-5, `${[m, k, n]} with bias`);
}

async function checkBlock(size: Size, dropRate: number, tolerance = 1e-4): Promise<void> {
  const weights = tf.tidy(() => ({ ...blockWeights(size) }));
  const fn = new ConvNextFunction(weights, dropRate, true);
  const [x, dy] = [normalTensor(size.image, 20), normalTensor(size.image, 21)];
  await expectAlike(JSON.stringify(size), tolerance, () => everything(fn, x, dy));
  tf.dispose([x, dy, ...Object.values(weights)] as tf.Tensor[]);
}

describeBackends(
  "the package's programs on webgpu",
  () => {
    let before: boolean;
    beforeAll(() => {
      before = tf.env().getBool(WEBGPU_FLAG);
      tf.env().set(WEBGPU_FLAG, true);
    });
    afterAll(() => tf.env().set(WEBGPU_FLAG, before));

    test('are there', () => {
      expect(CONTRACTS.filter((contract) => !hasKernel(contract))).toEqual([]);
    });

    test('normalise, activate and add up as tfjs does', async () => {
      await expectNoLeak(async () => {
        for (const shape of SHAPES) await checkRows(shape);
      });
    });

    test('spread workgroups over two axes where there are too many for one', async () => {
      await expectNoLeak(async () => {
        const x = normalTensor([65537 + 130, 4], 1);
        await expectAlike('rows', 1e-5, () => [normalize(x, 1e-6).xhat]);
        x.dispose();
      });
    });

    // tfjs cannot add up what is empty.
    test('normalise, activate and add up nothing', async () => {
      await expectNoLeak(async () => {
        for (const shape of EMPTY) {
          const [sums, ...all] = tf.tidy(() => {
            const x = tf.zeros(shape);
            const kept = normalize(x, 1e-6);
            const back = [normalizeBackward(x, kept), geluForward(x), geluBackward(x, x)];
            return [columnSum(x), kept.rstd, kept.xhat, ...back];
          }) as [tf.Tensor, tf.Tensor, ...tf.Tensor[]];
          expect(all.map((y) => y.shape)).toEqual([
            [...shape.slice(0, -1), 1],
            ...all.slice(1).map(() => shape),
          ]);
          tf.dispose(all);
          expect([...((await valuesOf([sums]))[0] as tf.TypedArray)]).toEqual([0, 0, 0, 0]);
        }
      });
    });

    test.each([
      [1, 1, 1],
      [3, 5, 7],
      [6, 1, 33],
      // Beyond a small tile, and a last step that is not full.
      [35, 50, 66],
      // Sums that are split into parts, the last of them shorter.
      [2, 2011, 3],
      // Large tiles.
      [700, 3, 705],
    ] as const)('multiply matrices of %d by %d by %d', async (...size) => {
      await expectNoLeak(() => checkProducts(size));
    });

    test('multiply what is empty', async () => {
      await expectNoLeak(async () => {
        const bias = normals(1, 3);
        const [product, sums, none, batch, back] = tf.tidy(() => [
          linearForward(tf.zeros([2, 0]), tf.zeros([0, 3]), tf.tensor1d(bias)),
          matMul2d(tf.zeros([0, 2]), tf.zeros([0, 3]), true),
          matMul2d(tf.zeros([0, 2]), tf.zeros([2, 3])),
          batchMatMul(tf.zeros([0, 4, 2]), tf.zeros([0, 2, 3])),
          fromPatches(tf.zeros([0, 12]), [1, 1, 3, 3], 2),
        ]) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
        expect([none.shape, batch.shape]).toEqual([
          [0, 3],
          [0, 4, 3],
        ]);
        const [withBias, zeros, image] = (await valuesOf([product, sums, back])) as tf.TypedArray[];
        expectClose(withBias as tf.TypedArray, [...bias, ...bias], 0);
        expect([...(zeros as tf.TypedArray), ...(image as tf.TypedArray)]).toEqual(
          Array(15).fill(0),
        );
        tf.dispose([none, batch]);
      });
    });

    test('run a block and differentiate it as tfjs does', async () => {
      await expectNoLeak(async () => {
        await fc.assert(
          fc.asyncProperty(SIZES, fc.constantFrom(0, 0.5), (size, dropRate) =>
            checkBlock(size, dropRate),
          ),
          { numRuns: runs(6), seed: 7 },
        );
        // More pixels than a workgroup adds up, and sums of products in parts.
        await checkBlock({ image: [3, 50, 31, 4], m: 6, k: 3 }, 0.5);
      });
    });

    test('cut and resize images as tfjs does', async () => {
      await expectNoLeak(async () => {
        await checkImage([2, 4, 4, 4], 2);
        await checkImage([1, 5, 7, 3], 2);
        await checkImage([3, 3, 3, 5], 3);
        await checkImage([1, 9, 8, 1], 4);
        await checkImage([2, 1, 1, 6], 1);
      });
    });

    test('take steps as tfjs does', async () => {
      await expectNoLeak(async () => {
        for (const shape of [[], [5], [3, 3, 5, 1], [40, 60]]) {
          const shared = { learningRate: 0.1, weightDecay: 0.1 };
          await checkSteps(shape, () => new AdamW(shared));
          await checkSteps(shape, () => new SGD(shared));
          await checkSteps(shape, () => new SGD({ ...shared, momentum: 0.9, nesterov: true }));
        }
      });
    });

    test('of nothing: no samples, no pixels', async () => {
      for (const image of EMPTY_IMAGES) {
        await expectNoLeak(async () => {
          const w = tf.tidy(() => ({ ...blockWeights({ image, m: 7, k: 3 }) }));
          const fn = new ConvNextFunction(w, 0.5, true);
          const x = tf.zeros([...image]);
          const [y, output, dx, ...dWeights] = tf.tidy(() => everything(fn, x, x)) as [
            tf.Tensor,
            tf.Tensor,
            tf.Tensor,
            ...tf.Tensor[],
          ];
          for (const t of [y, output, dx]) expect(t.shape).toEqual(image);
          const weights = Object.values(w) as tf.Tensor[];
          expect(dWeights.map(({ shape }) => shape)).toEqual(weights.map(({ shape }) => shape));
          for (const values of await valuesOf(dWeights)) {
            expect(values.every((value) => value === 0)).toBe(true);
          }
          tf.dispose([x, y, output, dx, ...weights]);
        });
      }
    });

    test('let what is no number stay where it belongs', async () => {
      await expectNoLeak(async () => {
        const holes = normals(1, 15);
        holes[7] = NaN;
        holes[11] = Infinity;
        const results = tf.tidy(() => {
          const x = tf.tensor2d(holes, [3, 5]);
          const w = normalTensor([5, 7], 2);
          return [matMul2d(x, w), normalize(x).xhat, columnSum(x), geluForward(x)];
        });
        const finite = (await valuesOf(results)).map((values) => [...values].map(Number.isFinite));
        // The row without holes is the first.
        const row = (width: number) => Array.from({ length: 3 * width }, (_, i) => i < width);
        const [product, xhat, sums, activated] = finite;
        expect([product, xhat]).toEqual([row(7), row(5)]);
        expect(sums).toEqual([true, false, false, true, true]);
        expect(activated?.map((is, i) => (is ? -1 : i)).filter((i) => i >= 0)).toEqual([7, 11]);
      });
    });

    test('refuse what does not fit', async () => {
      await expectNoLeak(() =>
        tf.tidy(() => {
          const [a, b] = [tf.zeros([2, 3]), tf.zeros([2, 3])];
          expect(() => matMul2d(a, b)).toThrow('the inner sizes must be alike');
          expect(() => matMul2d(a, tf.zeros([3]))).toThrow('both must have 2 axes');
          const [many, few] = [tf.zeros([2, 2, 3]), tf.zeros([1, 3, 2])];
          expect(() => batchMatMul(many, few)).toThrow('the first axes must be alike');
          const attributes = { beta1: 0.9, beta2: 0.9, kept: 1, size: 1, epsilon: 1 };
          const run = (inputs: tf.NamedTensorMap) => () =>
            tf.engine().runKernel(contracts.ADAMW.name, { weight: a, ...inputs }, attributes);
          expect(run({ gradient: tf.zeros([3, 2]) })).toThrow('all must be alike');
          expect(run({ gradient: a, m: a })).toThrow('both there or neither');
        }),
      );
    });
  },
  { only: ['webgpu'] },
);
