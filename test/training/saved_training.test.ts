/** Training that is stopped and resumed ends as if it had not been stopped. */
import * as tf from '@tensorflow/tfjs';

import { loadTraining, saveTraining } from 'tfjs-revcol';
import { describeBackends, expectNoLeak } from '../support/backends';
import {
  dispose,
  expectSameBits,
  makeModel,
  OPTIMIZERS,
  STEPS,
  takeStep,
  type Training,
  valuesOf,
} from './support/resumable';

describeBackends('resumed training', (backend) => {
  const here = Object.entries(OPTIMIZERS).filter(([, { only }]) => only?.includes(backend) ?? true);

  test.each(here)('ends with the weights of the undisturbed run: %s', async (_, { make }) => {
    const start = (seed: number): Training => ({ model: makeModel(seed), optimizer: make() });
    const undisturbed = async () => {
      const training = start(1);
      for (let step = 0; step < STEPS; step++) takeStep(training, step);
      const values = await valuesOf(training);
      dispose(training);
      return values;
    };
    const expected = await undisturbed();
    expectSameBits(await undisturbed(), expected);

    await expectNoLeak(async () => {
      const saved: Blob[] = [];
      const first = start(1);
      for (let step = 0; step < STEPS; step++) {
        saved.push(await saveTraining(null, { ...first, step, extra: { step } }));
        takeStep(first, step);
      }
      expectSameBits(await valuesOf(first), expected);
      for (const [stop, blob] of saved.entries()) {
        const resumed = start(100 + stop);
        // One that has taken steps of its own loads as well.
        if (stop === 2) takeStep(resumed, 17);
        expect(await loadTraining(blob, resumed)).toEqual({ step: stop, extra: { step: stop } });
        for (let step = stop; step < STEPS; step++) takeStep(resumed, step);
        expectSameBits(await valuesOf(resumed), expected);
        expect(resumed.optimizer.iterations).toBe(STEPS);
        dispose(resumed);
      }
      dispose(first);
    });
    expect(tf.memory().unreliable).not.toBe(true);
  });
});
