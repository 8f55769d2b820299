import * as tf from '@tensorflow/tfjs';

import { AdamW, Ema, trainingStep } from 'tfjs-revcol';
import { describeBackends, expectClose, expectNoLeak } from '../support/backends';
import { normalTensor } from '../support/training_step';

const loss = (y: tf.Tensor | tf.Tensor[]) => tf.mean(tf.square(y as tf.Tensor)) as tf.Scalar;

const valuesOf = (weights: readonly tf.Tensor[]) => weights.map((w) => [...w.dataSync()]);

describeBackends('the average of weights', () => {
  let model: tf.LayersModel;
  let x: tf.Tensor;
  beforeEach(() => {
    model = tf.sequential({
      layers: [
        tf.layers.dense({ units: 3, inputShape: [4] }),
        tf.layers.batchNormalization(),
        tf.layers.dense({ units: 2 }),
      ],
    });
    x = normalTensor([6, 4], 1);
  });
  afterEach(() => {
    model.dispose();
    x.dispose();
  });

  /** Values of all weights, moving statistics too. */
  const weights = () => valuesOf(model.getWeights());

  async function averages(ema: Ema): Promise<number[][]> {
    return valuesOf((await ema.getWeights()).slice(1).map(({ tensor }) => tensor));
  }

  test.each([false, true])('is the recurrence, with warm-up %s', async (warmup) => {
    await expectNoLeak(async () => {
      const ema = new Ema(model, { decay: 0.75, warmup });
      const optimizer = new AdamW({ learningRate: 0.05 });
      const expected = weights();
      for (let n = 0; n < 12; n++) {
        trainingStep(model, optimizer, x, loss).dispose();
        ema.update();
        // tf.train.ExponentialMovingAverage with num_updates.
        const decay = warmup ? Math.min(0.75, (1 + n) / (10 + n)) : 0.75;
        weights().forEach((values, i) =>
          values.forEach((value, j) => {
            const row = expected[i] as number[];
            row[j] = decay * (row[j] as number) + (1 - decay) * value;
          }),
        );
      }
      expect(ema.updates).toBe(12);
      expectClose((await averages(ema)).flat(), expected.flat(), 1e-6);
      // Not the weights themselves, so that this can fail.
      expect(
        Math.max(
          ...weights()
            .flat()
            .map((w, i) => Math.abs(w - (expected.flat()[i] as number))),
        ),
      ).toBeGreaterThan(1e-3);
      ema.dispose();
      optimizer.dispose();
    });
  });

  test('begins at the weights; what does not change stays to the bit', async () => {
    await expectNoLeak(async () => {
      const start = weights();
      const ema = new Ema(model);
      for (let i = 0; i < 3; i++) ema.update();
      expect(await averages(ema)).toEqual(start);
      ema.dispose();
      expect(weights()).toEqual(start);
    });
  });

  test.each(['fused', 'not fused'])('swaps to the bit, optimizer %s', async (kind) => {
    await expectNoLeak(async () => {
      const ema = new Ema(model, { decay: 0.5 });
      const optimizer = new AdamW({ learningRate: 0.1, fused: kind === 'fused' });
      // Also before the first update, where both are the same.
      ema.apply();
      ema.restore();
      for (let i = 0; i < 3; i++) {
        trainingStep(model, optimizer, x, loss).dispose();
        ema.update();
      }
      const [own, averaged] = [weights(), await averages(ema)];
      expect(own).not.toEqual(averaged);
      ema.apply();
      expect(ema.applied).toBe(true);
      expect(weights()).toEqual(averaged);
      expect(await averages(ema)).toEqual(averaged);
      ema.restore();
      expect(ema.applied).toBe(false);
      expect(weights()).toEqual(own);
      expect(await averages(ema)).toEqual(averaged);
      // Training goes on as if nothing had been.
      trainingStep(model, optimizer, x, loss).dispose();
      expect(weights()).not.toEqual(own);
      expect(await averages(ema)).toEqual(averaged);
      // Freed while they are applied, the model keeps the averages.
      ema.apply();
      ema.dispose();
      expect(weights()).toEqual(averaged);
      optimizer.dispose();
    });
  });

  test('goes on from what was saved, exactly, also under other names', async () => {
    await expectNoLeak(async () => {
      const ema = new Ema(model, { decay: 0.9, warmup: true });
      const optimizer = new AdamW({ learningRate: 0.1 });
      const step = (average: Ema) => {
        trainingStep(model, optimizer, x, loss).dispose();
        average.update();
      };
      for (let i = 0; i < 4; i++) step(ema);
      const saved = (await ema.getWeights()).map(({ name, tensor }) => ({
        name,
        tensor: tf.tensor(tensor.dataSync().slice(), tensor.shape, tensor.dtype),
      }));
      const other = new Ema(model, { decay: 0.9, warmup: true });
      const renamed = saved.map(({ name, tensor }, i) => ({
        name: i === 0 ? name : `elsewhere/${name}_7`,
        tensor,
      }));
      const third = new Ema(model, { decay: 0.9, warmup: true });
      // By name, in any order; by position, where names are others.
      await other.setWeights([...saved].reverse());
      await third.setWeights(renamed);
      tf.dispose(saved.map(({ tensor }) => tensor));
      step(ema);
      other.update();
      third.update();
      expect([other.updates, third.updates]).toEqual([5, 5]);
      expect(await averages(other)).toEqual(await averages(ema));
      expect(await averages(third)).toEqual(await averages(ema));
      for (const e of [ema, other, third]) e.dispose();
      optimizer.dispose();
    });
  });

  test('saved state that does not fit is refused, and changes nothing', async () => {
    await expectNoLeak(async () => {
      const ema = new Ema(model);
      const before = await averages(ema);
      const good = await ema.getWeights();
      const refused = async (given: typeof good, message: string) => {
        await expect(ema.setWeights(given)).rejects.toThrow(message);
        expect(await averages(ema)).toEqual(before);
      };
      const [wrong, count] = [tf.zeros([4, 3], 'int32'), tf.zeros([2], 'int32')];
      await refused(good.slice(1), 'no count of updates');
      await refused(good.slice(0, -1), 'got 7 averages; expected 8');
      await refused(
        [...good.slice(0, 2).reverse(), ...good.slice(3), ...good.slice(1, 2)],
        'has shape',
      );
      await refused(
        good.map((g, i) => (i === 1 ? { ...g, tensor: wrong } : g)),
        'dtype int32; expected [4, 3] and float32',
      );
      await refused(
        [{ name: good[0]?.name as string, tensor: count }, ...good.slice(1)],
        'a scalar',
      );
      for (const bad of [-3.5, -1, 0.5, NaN, Infinity]) {
        const tensor = tf.scalar(bad);
        const given = good.map((g, i) =>
          i === 0 ? { ...g, tensor } : { ...g, tensor: tf.zerosLike(g.tensor) },
        );
        await refused(given, `is ${bad}; expected an integer of at least 0`);
        expect(ema.updates).toBe(0);
        tf.dispose(given.map((g) => g.tensor));
      }
      await refused({} as never, 'weightValues is {}; expected a list');
      tf.dispose([wrong, count]);
      ema.dispose();
    });
  });

  test('as a callback of fit: one update after every batch', async () => {
    await expectNoLeak(async () => {
      const y = normalTensor([6, 2], 2);
      const optimizer = new AdamW({ learningRate: 0.05 });
      model.compile({ optimizer, loss: 'meanSquaredError' });
      const [ema, byHand] = [new Ema(model, { decay: 0.5 }), new Ema(model, { decay: 0.5 })];
      const watch = new tf.CustomCallback({ onBatchEnd: () => byHand.update() });
      const callbacks = [ema.callback(), watch];
      await model.fit(x, y, { batchSize: 2, epochs: 2, verbose: 0, callbacks });
      expect(ema.updates).toBe(6);
      expect(await averages(ema)).toEqual(await averages(byHand));
      const other = tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [4] })] });
      const sgd = tf.train.sgd(0.1);
      other.compile({ optimizer: sgd, loss: 'meanSquaredError' });
      const wrong = other.fit(x, y, { verbose: 0, callbacks: [ema.callback()] });
      await expect(wrong).rejects.toThrow("Ema: the callback of another model's average");
      for (const e of [ema, byHand, other, optimizer, sgd]) e.dispose();
      y.dispose();
    });
  });

  test('calls out of turn and options are refused', async () => {
    await expectNoLeak(async () => {
      const ema = new Ema(model);
      expect(() => ema.restore()).toThrow('call apply() before');
      ema.apply();
      expect(() => ema.apply()).toThrow('call restore() before');
      expect(() => ema.update()).toThrow('call restore() first');
      await expect(ema.setWeights(await ema.getWeights())).rejects.toThrow('call restore() first');
      ema.restore();
      ema.dispose();
      expect(() => ema.update()).toThrow('Ema: update after dispose()');
      await expect(ema.getWeights()).rejects.toThrow('getWeights after dispose()');
      ema.dispose();
      expect(() => new Ema(model, { decay: 1 })).toThrow('decay is 1; expected a number in [0, 1)');
      expect(() => new Ema(model, { warmup: 5 as never })).toThrow('warmup is 5');
      expect(() => new Ema(model, { warmUp: true } as never)).toThrow("did you mean 'warmup'?");
      expect(() => new Ema(tf.sequential())).toThrow(/has no weights|expected/);
      const short = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
      const orphan = new Ema(short);
      short.dispose();
      expect(() => orphan.update()).toThrow('weights of the model have been disposed of');
      orphan.dispose();
    });
  });
});
