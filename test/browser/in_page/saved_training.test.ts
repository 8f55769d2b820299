/** Training in the page's own IndexedDB: saved, resumed, replaced, and cut off in the middle. */
import * as tf from '@tensorflow/tfjs';

import { loadTraining, removeTraining, savedTraining, saveTraining } from 'tfjs-revcol';
import { describeBackends } from '../../support/backends';
import {
  dispose,
  expectSameBits,
  OPTIMIZERS,
  start,
  takeStep,
  valuesOf,
} from '../../training/support/resumable';

const TARGET = 'indexeddb://in page/run';
const make = () =>
  (OPTIMIZERS['AdamW, fused, clipped, in groups'] as { make(): tf.Optimizer }).make();

describeBackends(
  'training in IndexedDB',
  (backend) => {
    beforeEach(() => removeTraining(TARGET));

    test('goes on after every step, with new objects', async () => {
      const STEPS = 3;
      const run = async (saved: boolean) => {
        let training = start(make, 1);
        for (let step = 0; step < STEPS; step++) {
          if (saved) {
            await saveTraining(TARGET, { ...training, step, extra: [step] });
            dispose(training);
            training = start(make, 50 + step);
            expect(await loadTraining(TARGET, training)).toEqual({ step, extra: [step] });
          }
          takeStep(training, step);
        }
        const values = await valuesOf(training);
        dispose(training);
        return values;
      };
      const expected = await run(false);
      const again = await run(false);
      const resumed = await run(true);
      // Not every device computes the same twice.
      const same = String(again.map(String)) === String(expected.map(String));
      if (backend === 'wasm') expect(same).toBe(true);
      if (same) expectSameBits(resumed, expected);
      expect(await savedTraining(TARGET)).toEqual({ step: STEPS - 1, extra: [STEPS - 1] });
    });

    test('keeps what was saved when the next time of saving fails', async () => {
      const training = start(make, 1);
      await saveTraining(TARGET, { ...training, step: 0 });
      const expected = await valuesOf(training);
      const saving = saveTraining(TARGET, { ...training, step: 1 });
      // In the middle of it training goes on, which is not allowed.
      takeStep(training, 0);
      await expect(saving).rejects.toThrow('await saveTraining before the next step');
      expect(await savedTraining(TARGET)).toEqual({ step: 0, extra: undefined });
      await loadTraining(TARGET, training);
      expectSameBits(await valuesOf(training), expected);
      dispose(training);
      await removeTraining(TARGET);
      expect(await savedTraining(TARGET)).toBeNull();
    });
  },
  { only: ['wasm', 'webgl'] },
);
