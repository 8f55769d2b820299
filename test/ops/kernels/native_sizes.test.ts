/**
 * The package's own TensorFlow operations (`native/`) on sizes that float32 cannot hold: above 2^24 not every
 * whole number is one, and what is added to a sum one by one is lost from there on. Shapes are long in one axis only.
 */
// Registers the operations.
import 'tfjs-revcol';
import * as fs from 'node:fs';
import * as tf from '@tensorflow/tfjs';

import { defaultFile } from '../../../src/cli/native_build';
import { columnSum, productSum } from '../../../src/ops/column_sum';
import {
  ATTENTION,
  DEPTHWISE_KERNEL_GRAD,
  FROM_PATCHES,
  PATCHES,
} from '../../../src/ops/kernels/contract';
import { hasKernel, runOwn } from '../../../src/ops/kernels/fused';
import { chooseNative } from '../../../src/ops/kernels/tensorflow/library';
import { fromPatches, toPatches } from '../../../src/ops/patch_conv';
import { BACKENDS, describeBackends, expectNoLeak } from '../../support/backends';
import { RUNS } from '../../support/runs';

const IS_BUILT = BACKENDS.includes('tensorflow') && fs.existsSync(defaultFile());

/** The first size that is no float32, and a little more. */
const LONG = 2 ** 24 + 3;

/** Zeros that end in 1, 2, 3, so that what is lost or moved at the end is seen. */
function long(shape: number[]): tf.Tensor {
  return tf.tidy(() =>
    tf.reshape(tf.concat([tf.zeros([LONG - 3]), tf.tensor1d([1, 2, 3])]), shape),
  );
}

const endOf = (x: tf.Tensor) =>
  tf.tidy(() => [...tf.slice(tf.reshape(x, [-1]), LONG - 4, 4).dataSync()]);

describeBackends(
  "sizes above 2^24 in the package's TensorFlow operations",
  () => {
    test.each([
      ['images', [LONG, 1, 1, 1]],
      ['rows of pixels', [1, LONG, 1, 1]],
      ['columns of pixels', [1, 1, LONG, 1]],
      ['channels', [1, 1, 1, LONG]],
    ])('%s are cut into patches and put back', async (_, shape) => {
      expect([PATCHES, FROM_PATCHES].every(hasKernel)).toBe(true);
      await expectNoLeak(() =>
        tf.tidy(() => {
          const rows = toPatches(long(shape), 1);
          expect(rows.shape).toEqual([LONG / (shape[3] as number), shape[3]]);
          const back = fromPatches(rows, shape, 1);
          expect(back.shape).toEqual(shape);
          expect(endOf(back)).toEqual([0, 1, 2, 3]);
        }),
      );
    });

    test('arrive as they are, however large', () => {
      tf.tidy(() => {
        const rows = tf.zeros([3, 4]);
        const put = (batch: number, height = 2, width = 2) =>
          runOwn(FROM_PATCHES, { rows }, { size: 2, batch, height, width });
        for (const size of [LONG, 2 ** 31 + 5, 2 ** 53 - 1]) {
          const expected = `rows must have shape [${size},4], but has [3,4]`;
          expect(() => put(size)).toThrow(expected);
          expect(() => put(1, 2 * (size % 2 ** 40))).toThrow(
            expected.replace(String(size), String(size % 2 ** 40)),
          );
        }
        expect(() => put(0.5)).toThrow('whole numbers');
        expect(() => put(1, -2)).toThrow('whole numbers');
        expect(() => put(1, 2, NaN)).toThrow('whole numbers');
        expect(() => runOwn(PATCHES, { x: tf.zeros([1, 2, 2, 1]) }, { size: 1.5 })).toThrow(
          'sides',
        );
        expect(() =>
          runOwn(FROM_PATCHES, { rows }, { size: 2 ** 33, batch: 1, height: 1, width: 1 }),
        ).toThrow('as long as patches');
      });
    });

    // Each takes its time.
    const inLongRuns = RUNS > 1 ? test : test.skip;
    inLongRuns('so many heads attend', async () => {
      await expectNoLeak(() =>
        tf.tidy(() => {
          const query = long([1, 1, LONG]);
          const attributes = { numHeads: LONG, scale: 1, causalOffset: Infinity };
          // Of one key each sees all.
          const output = runOwn(ATTENTION, { query, key: query, value: query }, attributes);
          expect(endOf(output)).toEqual([0, 1, 2, 3]);
        }),
      );
    });

    test('so many ones are added up to their number', async () => {
      const { instructions, threads } = chooseNative('', 0);
      // As one part.
      chooseNative('', 1);
      try {
        await expectNoLeak(() =>
          tf.tidy(() => {
            const ones = tf.ones([LONG + 1, 1]);
            expect(columnSum(ones).dataSync()[0]).toBe(LONG + 1);
            expect(productSum(ones, ones).dataSync()[0]).toBe(LONG + 1);
            const images = tf.reshape(ones, [LONG + 1, 1, 1, 1]);
            const inputs = { x: images, dy: images, kernel: tf.ones([1, 1, 1, 1]) };
            const { dKernel, dBias } = runOwn(DEPTHWISE_KERNEL_GRAD, inputs, {});
            expect([dKernel.dataSync()[0], dBias.dataSync()[0]]).toEqual([LONG + 1, LONG + 1]);
          }),
        );
      } finally {
        chooseNative(instructions, threads);
      }
    });
  },
  { only: IS_BUILT ? ['tensorflow'] : [] },
);
