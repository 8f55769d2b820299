/** What every run of fine-tuning must keep to: stopped anywhere and gone on with, it ends as one that was not. */
import * as path from 'node:path';
import type * as tf from '@tensorflow/tfjs';

import type { FineTuneEpoch, HistoryPoint, RunSettings } from 'tfjs-revcol';
import { expectNoLeak } from '../support/backends';
import { weightsOf } from './support';

/** What came of a run. */
interface Result {
  readonly model: tf.LayersModel;
  readonly history: readonly HistoryPoint[];
  readonly epochHistory: readonly FineTuneEpoch[];
  readonly evaluation: object | null;
}

/** What of the history is compared beside step, loss and accuracy. */
type Measured = Extract<keyof HistoryPoint, `validation${string}`>;

/** Weights and history without what depends on the clock; the model is disposed of. */
function outcomeOf(
  { model, history, epochHistory, evaluation }: Result,
  measured: readonly Measured[],
) {
  const weights = weightsOf(model);
  model.dispose();
  const points = history.map((point) => [
    point.step,
    point.loss,
    point.accuracy,
    ...measured.map((name) => point[name]),
  ]);
  const epochs = epochHistory.map(({ epoch, loss, isBest }) => [epoch, loss, isBest]);
  return { weights, evaluation, points, epochs };
}

/**
 * Stops a run after some of its steps, goes on with it, and compares with a run that was not stopped.
 *
 * @param train a run of few steps, with what is said beside its own options
 * @param measured what of the history is compared, too
 * @param check called with where each is saved, when it is over
 */
export async function expectExactResume(
  train: (more: RunSettings) => Promise<Result>,
  measured: readonly Measured[],
  folder: string,
  steps: readonly number[],
  check: (saveTo: string) => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  const whole = outcomeOf(await train({}), measured);
  for (const stopAt of steps) {
    const saveTo = path.join(folder, String(stopAt));
    const controller = new AbortController();
    const reason = new Error('enough');
    const stopped = train({
      saveTo,
      signal: controller.signal,
      onStep: ({ step }) => {
        if (step === stopAt) controller.abort(reason);
      },
    });
    await expectNoLeak(() => expect(stopped).rejects.toBe(reason));
    expect(outcomeOf(await train({ saveTo, resume: true }), measured)).toEqual(whole);
    await check(saveTo);
  }
}
