/** Training that is stopped and resumed ends as if it had not been stopped. */
import * as tf from '@tensorflow/tfjs';

import { loadTraining, saveTraining } from 'tfjs-revcol';
import { describeBackends, expectClose, expectNoLeak, givesSameBits } from '../support/backends';
import {
  dispose,
  expectSameBits,
  OPTIMIZERS,
  start,
  STEPS,
  takeStep,
  valuesOf,
} from './support/resumable';

describeBackends('resumed training', (backend) => {
  const expectSame = givesSameBits(backend)
    ? expectSameBits
    : (got: tf.TypedArray[], expected: tf.TypedArray[]) => {
        expect(got.length).toBe(expected.length);
        got.forEach((values, i) => expectClose(values, expected[i] as tf.TypedArray, 1e-4));
      };
  // What is kept and saved is the same on all; the others show that the backend gives it back.
  const some = ['AdamW, fused, clipped, in groups', 'Adafactor', 'SGD', 'tf.train.adam'];
  if (backend === 'tensorflow') some.push('AdamW, 8-bit');
  const here = Object.entries(OPTIMIZERS).filter(
    ([name]) => backend === 'wasm' || some.includes(name),
  );

  const undisturbed = async (make: () => tf.Optimizer, steps: number) => {
    const training = start(make, 1);
    for (let step = 0; step < steps; step++) takeStep(training, step);
    const values = await valuesOf(training);
    dispose(training);
    return values;
  };

  test.each(here)('goes on after every step, with new objects: %s', async (_, { make }) => {
    const expected = await undisturbed(make, 3);
    await expectNoLeak(async () => {
      let training = start(make, 1);
      for (let step = 0; step < 3; step++) {
        const blob = await saveTraining(null, { ...training, step });
        dispose(training);
        training = start(make, 100 + step);
        // One that has taken steps of its own loads as well.
        if (step === 2) takeStep(training, 17);
        expect(await loadTraining(blob, training)).toEqual({ step, extra: undefined });
        expect(training.optimizer.iterations).toBe(step);
        takeStep(training, step);
      }
      expectSame(await valuesOf(training), expected);
      dispose(training);
    });
  });

  test('goes on after any step, to the end', async () => {
    const { make } = OPTIMIZERS['AdamW, fused, clipped, in groups'] as { make(): tf.Optimizer };
    const expected = await undisturbed(make, STEPS);
    const saved: Blob[] = [];
    const first = start(make, 1);
    for (let step = 0; step < STEPS; step++) {
      saved.push(await saveTraining(null, { ...first, step, extra: { step } }));
      takeStep(first, step);
    }
    expectSame(await valuesOf(first), expected);
    dispose(first);
    for (const [stop, blob] of saved.entries()) {
      const resumed = start(make, 100 + stop);
      expect(await loadTraining(blob, resumed)).toEqual({ step: stop, extra: { step: stop } });
      for (let step = stop; step < STEPS; step++) takeStep(resumed, step);
      expectSame(await valuesOf(resumed), expected);
      dispose(resumed);
    }
  });
});
