/** A parameter group that fits no weight has no effect: the first step warns of it. */
import * as tf from '@tensorflow/tfjs';

import { Adafactor, AdamW, Lion, type ParameterGroup, SGD, trainingStep } from 'tfjs-revcol';
import { describeBackends, expectNoLeak } from '../support/backends';

type Args = { groups: ParameterGroup[]; fused?: boolean };
const OPTIMIZERS: Record<string, (args: Args) => tf.Optimizer> = {
  AdamW: (args) => new AdamW(args),
  SGD: (args) => new SGD(args),
  Lion: (args) => new Lion(args),
  Adafactor: (args) => new Adafactor(args),
};

function makeModel(): tf.LayersModel {
  return tf.sequential({
    layers: [
      tf.layers.dense({ units: 2, inputShape: [3], name: 'trunk', trainable: false }),
      tf.layers.dense({ units: 2, name: 'final' }),
    ],
  });
}

const step = (model: tf.LayersModel, optimizer: tf.Optimizer) =>
  tf.tidy(() => {
    const x = tf.ones([1, 3]);
    trainingStep(model, optimizer, x, (y) => tf.mean(tf.square(y as tf.Tensor)) as tf.Scalar);
  });

/** tfjs itself greets in Node, once. */
const idleWarnings = (warn: jest.SpyInstance): unknown[] =>
  warn.mock.calls.map(([text]) => text as unknown).filter((text) => /fit no/.test(String(text)));

describeBackends('groups that fit no weight', () => {
  let warn: jest.SpyInstance;
  beforeEach(() => (warn = jest.spyOn(console, 'warn').mockImplementation(() => {})));
  afterEach(() => warn.mockRestore());

  describe.each(Object.entries(OPTIMIZERS))('%s', (name, make) => {
    test.each([false, true])('fused: %s', async (fused) => {
      const model = makeModel();
      const optimizer = make({ groups: [{ names: 'final' }, { names: 'finals/kernel' }], fused });
      for (let i = 0; i < 2; i++) step(model, optimizer);
      await expectNoLeak(() => step(model, optimizer));
      expect(idleWarnings(warn)).toEqual([
        expect.stringMatching(
          new RegExp(
            `^${name}: the names of groups\\[1\\], 'finals/kernel', fit no weight.* such as 'final.*/kernel'`,
          ),
        ),
      ]);
      model.dispose();
      optimizer.dispose();
    });

    test('what fits a frozen weight, a numbered one, or one of a saved state is taken', async () => {
      const [first, model] = [makeModel(), makeModel()];
      const groups = [{ names: '^trunk' }, { names: '^final/kernel$' }, { names: 'bias$' }];
      const optimizer = make({ groups });
      step(model, optimizer);
      const saved = await optimizer.getWeights();
      // Weights that were there once: a loaded optimizer may name them, and says nothing of others.
      const loaded = (optimizer.constructor as typeof AdamW & { fromConfig: unknown }).fromConfig(
        optimizer.constructor as never,
        { groups: [{ names: 'gone', name: 'gone' }] },
      ) as unknown as tf.Optimizer;
      await loaded.setWeights(saved);
      step(model, loaded);
      const [rest, none] = [make({ groups }), make({ groups: [] })];
      step(first, rest);
      step(first, none);
      for (const o of [optimizer, loaded, rest, none]) o.dispose();
      first.dispose();
      model.dispose();
      expect(idleWarnings(warn)).toEqual([]);
    });
  });
});
