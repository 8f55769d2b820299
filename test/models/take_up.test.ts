/** Weights that are made or loaded are TensorFlow's at once: JavaScript keeps no second copy until the first step. */
import * as tf from '@tensorflow/tfjs';

import { createModel, loadCheckpoint, saveCheckpoint } from 'tfjs-revcol';
import { describeBackends, expectNoLeak } from '../support/backends';

const LARGE = 4096;

const make = () =>
  createModel('revcol_tiny', {
    ...{ columns: 1, channels: [8, 16, 64, 64], depths: [1, 1, 1, 1] },
    ...{ inputShape: [32, 32, 3], numClasses: 10 },
  });

/** Large weights whose values JavaScript holds, by tfjs-node's own account. */
function held(model: tf.LayersModel): string[] {
  const { tensorMap } = tf.backend() as unknown as {
    tensorMap: { get(dataId: object): { values: unknown } };
  };
  const large = model.weights.filter((w) => tf.util.sizeFromShape(w.shape as number[]) >= LARGE);
  expect(large.length).toBeGreaterThan(5);
  return large
    .filter((w) => tensorMap.get(w.read().dataId).values != null)
    .map((w) => w.originalName);
}

describeBackends(
  'weights',
  () => {
    test('that are made are taken up', async () => {
      await expectNoLeak(() => {
        const model = make();
        expect(held(model)).toEqual([]);
        model.dispose();
      });
    });

    test('that are loaded are taken up', async () => {
      await expectNoLeak(async () => {
        const [source, model] = [make(), make()];
        const file = await saveCheckpoint(source);
        await loadCheckpoint(model, file);
        expect(held(model)).toEqual([]);
        const [expected, got] = [source, model].map((m) =>
          m.weights.map((w) => w.read().dataSync()),
        );
        got?.forEach((values, i) => expect(values).toEqual(expected?.[i]));
        source.dispose();
        model.dispose();
      });
    });
  },
  { only: ['tensorflow'] },
);
