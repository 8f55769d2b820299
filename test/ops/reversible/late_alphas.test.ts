/** Alphas on a backend that can only be read asynchronously. */
import * as tf from '@tensorflow/tfjs';

import { layers } from 'tfjs-revcol';
import { readsSettled } from '../../../src/ops/engine/reads_in_flight';
import { clampAlphas, MIN_ALPHA, type NamedAlpha } from '../../../src/ops/reversible/alpha';
import { describeBackends, expectNoLeak } from '../../support/backends';
import { useLateBackend } from '../../support/late_backend';
import { normals, projectedLoss, randomizeWeights, worstError } from '../../support/training_step';

/** Until what was asked for has come back. */
const answers = readsSettled;

function alphas(...values: number[][]): NamedAlpha[] {
  return values.map((v, level) => ({
    variable: tf.tidy(() => tf.variable(tf.tensor1d(v))),
    column: 1,
    level,
  }));
}

function write({ variable }: NamedAlpha, values: number[]): void {
  tf.tidy(() => variable.assign(tf.tensor1d(values)));
}

const free = (list: NamedAlpha[]) => list.forEach(({ variable }) => variable.dispose());

// cpu lends its kernels.
describeBackends(
  'alphas that can only be read later',
  (backend) => {
    // webgl and webgpu are such backends.
    if (backend === 'cpu') beforeAll(useLateBackend);

    test('are taken for the least until they have come back, and then for what they are', async () => {
      await expectNoLeak(async () => {
        const list = alphas([0.5, -0.25], [3, 2, 4]);
        expect(clampAlphas(list)).toEqual([MIN_ALPHA, MIN_ALPHA]);
        expect(clampAlphas(list)).toEqual([MIN_ALPHA, MIN_ALPHA]);
        await answers();
        expect(clampAlphas(list)).toEqual([0.25, 2]);
        expect(clampAlphas(list)).toEqual([0.25, 2]);
        free(list);
        await answers();
      });
    });

    test('are known although others were written to before the answer came', async () => {
      const list = alphas([0.5], [0.25]);
      clampAlphas(list);
      write(list[0] as NamedAlpha, [0.125]);
      await answers();
      expect(clampAlphas(list)).toEqual([0.125, 0.25]);
      free(list);
    });

    test('are known no more once anything has written to them', async () => {
      const list = alphas([0.5], [0.5]);
      clampAlphas(list);
      await answers();
      write(list[1] as NamedAlpha, [0.05]);
      expect(clampAlphas(list)).toEqual([0.5, MIN_ALPHA]);
      await answers();
      expect(clampAlphas(list)).toEqual([0.5, Math.fround(0.05)]);
      // An optimizer's step writes to all, and the answer is there if the loop waits for anything.
      list.forEach((alpha) => write(alpha, [0.25]));
      await answers();
      expect(clampAlphas(list)).toEqual([0.25, 0.25]);
      free(list);
      await answers();
    });

    // On the other backends reads are counted by nobody.
    const counted = backend === 'cpu' ? test : test.skip;
    counted('are asked for in one read, as soon as all that are trained are written', async () => {
      const list = alphas([0.5], [0.5, 2], [0.5]);
      (list[2] as NamedAlpha).variable.trainable = false;
      clampAlphas(list);
      await answers();
      const read = jest.spyOn(tf.backend(), 'read');
      write(list[0] as NamedAlpha, [0.25]);
      expect(read).not.toHaveBeenCalled();
      write(list[1] as NamedAlpha, [0.125, 4]);
      // Before whoever asks for the loss next.
      expect(read).toHaveBeenCalledTimes(1);
      await answers();
      expect(read).toHaveBeenCalledTimes(1);
      expect(clampAlphas(list)).toEqual([0.25, 0.125, 0.5]);
      read.mockRestore();
      free(list);
    });

    counted(
      'are not asked for once another backend is in use, which would take them over',
      async () => {
        const list = alphas([0.5], [0.5]);
        clampAlphas(list);
        await answers();
        write(list[0] as NamedAlpha, [0.25]);
        await tf.setBackend('cpu');
        const read = jest.spyOn(tf.backend(), 'read');
        await answers();
        expect(read).not.toHaveBeenCalled();
        read.mockRestore();
        await useLateBackend();
        expect(clampAlphas(list)).toEqual([MIN_ALPHA, 0.5]);
        free(list);
        await answers();
      },
    );

    test('an answer that comes after another write does not count', async () => {
      const list = alphas([0.5]);
      clampAlphas(list);
      write(list[0] as NamedAlpha, [2]);
      write(list[0] as NamedAlpha, [0.125]);
      expect(clampAlphas(list)).toEqual([MIN_ALPHA]);
      await answers();
      expect(clampAlphas(list)).toEqual([0.125]);
      free(list);
      await answers();
    });

    test('are clamped, sign kept, also while they are not known', async () => {
      const list = alphas([0, -1e-5, 0.25], [0.5]);
      clampAlphas(list);
      const smallest = Math.fround(MIN_ALPHA);
      expect([...(await (list[0] as NamedAlpha).variable.data())]).toEqual([
        smallest,
        -smallest,
        0.25,
      ]);
      await answers();
      expect(clampAlphas(list)).toEqual([MIN_ALPHA, 0.5]);
      free(list);
      await answers();
    });

    test.each([NaN, Infinity])('%d is reported once it is known', async (bad) => {
      const list = alphas([0.5, 0.5], [0.5, bad]);
      clampAlphas(list);
      await answers();
      const message = `alpha of column 1, level 1 is ${bad} in channel 1; expected finite numbers`;
      expect(() => clampAlphas(list)).toThrow(message);
      write(list[1] as NamedAlpha, [0.5, 0.5]);
      expect(() => clampAlphas(list)).not.toThrow();
      await answers();
      // Replaced before the answer: a warning, as what is there now may be sound.
      const warn = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
      write(list[1] as NamedAlpha, [bad, 0.5]);
      clampAlphas(list);
      write(list[1] as NamedAlpha, [0.5, 0.5]);
      await answers();
      expect(String(warn.mock.calls[0]?.[0])).toContain(`level 1 is ${bad} in channel 0`);
      expect(() => clampAlphas(list)).not.toThrow();
      warn.mockRestore();
      free(list);
      await answers();
    });

    test('gradients right after weights were set are those of stored mode', async () => {
      const step = async (backprop: 'reversible' | 'stored') => {
        const backbone = layers.revColBackbone({
          name: 'backbone',
          columns: 6,
          channels: [4, 5],
          depths: [1, 1],
          patchSize: 1,
          backprop,
        });
        const x = tf.tensor4d(normals(1, 2 * 6 * 6 * 2), [2, 6, 6, 2]);
        tf.tidy(() => void backbone.apply(x));
        const run = () =>
          tf.tidy(() => {
            const variables = backbone.trainableWeights.map((w) => w.read());
            return tf
              .engine()
              .gradients(
                () => projectedLoss(backbone.apply(x, { training: true }) as tf.Tensor),
                variables,
                undefined,
                true,
              ).grads as tf.Tensor[];
          });
        randomizeWeights(backbone.weights, 5, () => 1);
        tf.dispose(run());
        await answers();
        // Now they are known to be 1.
        tf.dispose(run());
        randomizeWeights(backbone.weights, 5, () => 0.05);
        const grads = run();
        const names = backbone.trainableWeights.map((w) => w.originalName);
        const values = await Promise.all(grads.map((g) => g.data()));
        tf.dispose([grads, x]);
        backbone.dispose();
        await answers();
        return new Map(
          names.map((name, i) => [name, Float32Array.from(values[i] as Float32Array)]),
        );
      };
      const reversible = await expectNoLeak(() => step('reversible'));
      expect(worstError(reversible, await step('stored')).error).toBeLessThan(1e-3);
    });

    test('reconstructionError says that it cannot be had', () => {
      tf.tidy(() => {
        const backbone = layers.revColBackbone({ columns: 2, channels: [4, 5], depths: [0, 0] });
        const x = tf.zeros([1, 8, 8, 3]);
        backbone.apply(x);
        const message = `backend '${tf.getBackend()}' cannot do`;
        expect(() => backbone.reconstructionError(x)).toThrow(message);
        backbone.dispose();
      });
    });
  },
  { only: ['cpu', 'webgl', 'webgpu'] },
);
