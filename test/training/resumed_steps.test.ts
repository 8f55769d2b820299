/** A loop of steps that outlives its process, and the loss of a device meanwhile. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';

import {
  recoverableTraining,
  type RecoverableTrainingOptions,
  removeTraining,
  savedTraining,
} from 'tfjs-revcol';
import { describeBackends } from '../support/backends';
import { loseDevice, useDeviceBackend } from '../support/device_backend';
import {
  dispose,
  expectSameBits,
  OPTIMIZERS,
  start,
  takeStep,
  valuesOf,
} from './support/resumable';

const make = () =>
  (OPTIMIZERS['AdamW, fused, clipped, in groups'] as { make(): tf.Optimizer }).make();

// cpu lends its kernels.
describeBackends(
  'steps that are saved',
  () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-steps-'));
    const target = path.join(folder, 'runs', 'run.safetensors');
    beforeEach(useDeviceBackend);
    beforeEach(() => removeTraining(target));
    afterAll(() => fs.rmSync(folder, { recursive: true }));

    const STEPS = 5;
    let expected: tf.TypedArray[];

    /** A process's part of a run; `stop` throws where it is to end. */
    async function run(
      seed: number,
      options: Partial<RecoverableTrainingOptions> = {},
      before: (step: number) => void | Promise<void> = () => undefined,
    ): Promise<{ taken: number[]; values: tf.TypedArray[] }> {
      const training = start(make, seed);
      const taken: number[] = [];
      try {
        await recoverableTraining(
          training.model,
          training.optimizer,
          async (step) => {
            await before(step);
            takeStep(training, step);
            taken.push(step);
          },
          { steps: STEPS, saveTo: target, saveEvery: 2, ema: training.ema, ...options },
        );
        return { taken, values: await valuesOf(training) };
      } finally {
        dispose(training);
      }
    }

    beforeAll(async () => {
      await useDeviceBackend();
      expected = (await run(1, { saveTo: undefined, saveEvery: undefined })).values;
    });

    const stopping = (at: number) => (step: number) => {
      if (step === at) throw new Error('stopped');
    };

    test('goes on from the last time of saving, by other objects, and not once it is done', async () => {
      const extra = (nextStep: number) => ({ next: nextStep });
      await expect(run(1, { extra }, stopping(3))).rejects.toThrow('stopped');
      expect(await savedTraining(target)).toEqual({ step: 2, extra: { next: 2 } });
      const seen: unknown[] = [];
      const onResume = (...given: unknown[]) => void seen.push(given);
      const { taken, values } = await run(2, { onResume, extra });
      expect(seen).toEqual([[2, { next: 2 }]]);
      expect(taken).toEqual([2, 3, 4]);
      expectSameBits(values, expected);
      const again = await run(3);
      expect(again.taken).toEqual([]);
      expectSameBits(again.values, expected);
    });

    test('a place that cannot be written to is told of before the first step', async () => {
      const file = path.join(folder, 'file');
      fs.writeFileSync(file, '');
      const taken: number[] = [];
      const saveTo = path.join(file, 'run');
      await expect(run(1, { saveTo }, (step) => void taken.push(step))).rejects.toMatchObject({
        code: 'io',
      });
      expect(taken).toEqual([]);
    });

    test('a lost device, also while saving, and a stopped process end alike', async () => {
      let losses = 0;
      const lose = async (step: number) => {
        if (step !== 1 || losses++ > 0) return;
        await loseDevice();
      };
      let savingLost = false;
      const extra = (nextStep: number) => {
        // Called just before the last step's state is read.
        if (nextStep === STEPS && !savingLost) {
          savingLost = true;
          void loseDevice();
        }
        return null;
      };
      await expect(
        run(1, { keepEvery: 1 }, async (step) => {
          await lose(step);
          stopping(3)(step);
        }),
      ).rejects.toThrow('stopped');
      const recovered: number[] = [];
      const onRecovery = (next: number) => void recovered.push(next);
      const { values } = await run(2, { keepEvery: 2, extra, onRecovery });
      expect(savingLost).toBe(true);
      expect(recovered).toEqual([4]);
      expectSameBits(values, expected);
      expect(await savedTraining(target)).toEqual({ step: STEPS, extra: null });
    });

    test('a signal stops it, when what there is has been saved', async () => {
      const stop = new AbortController();
      const reason = new Error('enough');
      const { signal } = stop;
      const saveEvery = 100;
      const stopped = run(1, { signal, saveEvery }, (step) => {
        if (step === 2) stop.abort(reason);
      });
      await expect(stopped).rejects.toBe(reason);
      expect(await savedTraining(target)).toEqual({ step: 3, extra: undefined });
      await expect(run(2, { signal })).rejects.toBe(reason);
      expectSameBits((await run(2)).values, expected);
    });

    test('what is saved of another range of steps is refused', async () => {
      await run(1, { steps: 3 });
      await expect(run(1, { steps: 2 })).rejects.toThrow(
        'training is saved before step 3; expected one from firstStep 0 to 2',
      );
      await expect(run(1, { steps: 2, firstStep: 4 })).rejects.toMatchObject({ code: 'mismatch' });
      // One that is longer goes on.
      expect((await run(2, { steps: 4 })).taken).toEqual([3]);
    });

    test.each<[Partial<RecoverableTrainingOptions>, string]>([
      [{ saveEvery: 0 }, 'saveEvery is 0'],
      [{ saveTo: undefined }, 'saveEvery is given without saveTo'],
      [{ extra: 1 as never }, 'extra is 1; expected a function'],
      [{ signal: {} as never }, 'signal is {}; expected an AbortSignal'],
      [{ saveTo: '' }, 'target is ""; expected a path'],
    ])('%j is refused', async (options, message) => {
      await expect(run(1, options)).rejects.toThrow(message);
    });
  },
  { only: ['cpu'] },
);
