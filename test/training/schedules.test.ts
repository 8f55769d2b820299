import * as tf from '@tensorflow/tfjs';

import {
  AdamW,
  cosineSchedule,
  inverseSquareRootSchedule,
  oneCycleSchedule,
  type OneCycleScheduleOptions,
  polySchedule,
  scaleRate,
  type Schedule,
  scheduleCallback,
  setLearningRate,
  SGD,
  stepSchedule,
} from 'tfjs-revcol';
import { describeBackends, expectNoLeak, useBackend } from '../support/backends';
import { describeGoldens, readGoldenJson } from '../support/goldens';

beforeAll(() => useBackend('cpu'));

/** Rates of steps 1 to `steps`. */
function rates(schedule: Schedule, steps: number): number[] {
  return Array.from({ length: steps }, (_, i) => schedule(i + 1));
}

function expectRates(got: readonly number[], expected: readonly number[]): void {
  expect(got).toHaveLength(expected.length);
  got.forEach((rate, i) => {
    const error = Math.abs(rate / (expected[i] as number) - 1);
    expect({ step: i + 1, close: error < 1e-9, rate }).toMatchObject({ close: true });
  });
}

describe('inverseSquareRootSchedule', () => {
  test('rises linearly to its peak, then falls with the root of the step', () => {
    const schedule = inverseSquareRootSchedule({ peak: 0.4, warmupSteps: 10 });
    const expected = [0.04, 0.2, 0.4, 0.2, 0.04];
    [1, 5, 10, 40, 1000].forEach((step, i) =>
      expect(schedule(step)).toBeCloseTo(expected[i] as number, 12),
    );
  });

  test('is the published one for the published peak', () => {
    const [width, warmupSteps] = [512, 4000];
    const schedule = inverseSquareRootSchedule({
      peak: (width * warmupSteps) ** -0.5,
      warmupSteps,
    });
    for (const step of [1, 100, 4000, 4001, 100000]) {
      const published = width ** -0.5 * Math.min(step ** -0.5, step * warmupSteps ** -1.5);
      expect(schedule(step) / published).toBeCloseTo(1, 12);
    }
  });

  test('options and steps are checked', () => {
    const schedule = inverseSquareRootSchedule;
    expect(() => schedule({ peak: 0, warmupSteps: 1 })).toThrow('peak is 0');
    expect(() => schedule({ peak: 1, warmupSteps: 0 })).toThrow('warmupSteps is 0');
    expect(() => schedule({ peak: 1, warmupSteps: 1 })(0)).toThrow('step is 0');
  });
});

describeGoldens('cosineSchedule', () => {
  test('has the published rates at the published epochs', () => {
    const golden = readGoldenJson('cosine_schedule.json') as Record<string, number> & {
      lr: Record<string, number>;
    };
    const perEpoch = 100;
    const schedule = cosineSchedule({
      peak: golden['base_lr'] as number,
      steps: (golden['epochs'] as number) * perEpoch,
      warmupSteps: (golden['warmup_epochs'] as number) * perEpoch,
      warmupRate: golden['warmup_lr'] as number,
      minRate: golden['min_lr'] as number,
    });
    const epochs = Object.keys(golden.lr);
    expect(epochs.length).toBeGreaterThan(5);
    // The first step of an epoch is the one after all updates before it.
    const got = epochs.map((epoch) => schedule(Math.round(Number(epoch) * perEpoch) + 1));
    expectRates(got, Object.values(golden.lr));
  });
});

describe('cosineSchedule', () => {
  test('without warm-up it begins at its peak; behind its end it stays', () => {
    const schedule = cosineSchedule({ peak: 2, steps: 4 });
    const half = (x: number) => 1 + Math.cos(Math.PI * x);
    expectRates(rates(schedule, 4), [2, half(0.25), 1, half(0.75)]);
    expect([5, 6, 1000].map(schedule)).toEqual([0, 0, 0]);
  });

  test('options and steps are checked', () => {
    const given = { peak: 1, steps: 10 };
    expect(() => cosineSchedule({ ...given, peak: 0 })).toThrow(
      'peak is 0; expected a number above',
    );
    expect(() => cosineSchedule({ ...given, steps: 1.5 })).toThrow(
      'steps is 1.5; expected an integer',
    );
    expect(() => cosineSchedule({ ...given, warmupSteps: 10 })).toThrow(
      'warmupSteps is 10 of 10 steps; expected fewer',
    );
    expect(() => cosineSchedule({ ...given, minRate: 2 })).toThrow(
      'minRate is 2; expected a number from 0 to peak, 1',
    );
    expect(() => cosineSchedule({ ...given, warmupRate: -1 })).toThrow('warmupRate is -1');
    expect(() => cosineSchedule({ ...given, warmup: 3 } as never)).toThrow("no option 'warmup'");
    expect(() => cosineSchedule(given)(0.5)).toThrow('step is 0.5; steps count from 1');
  });
});

describe('stepSchedule', () => {
  const given = { peak: 2, milestones: [6, 8] };

  test("falls to a tenth at each milestone, with mmcv's warm-up on top", () => {
    const schedule = stepSchedule({ ...given, warmupSteps: 4 });
    const rates = [1, 2, 3, 4, 5, 6, 7, 8, 9, 99].map(schedule);
    // regular * (1 - (1 - t / 4) * 0.999), t = step - 1.
    const expected = [0.002, 0.5015, 1.001, 1.5005, 2, 2, 0.2, 0.2, 0.02, 0.02];
    rates.forEach((rate, i) => expect(rate).toBeCloseTo(expected[i] as number, 12));
    const other = stepSchedule({ ...given, factor: 0.5, warmupSteps: 8, warmupRatio: 0.5 });
    // The fall at 6 is in the warm-up.
    expect([7, 8, 9].map(other)).toEqual([0.875, 0.9375, 0.5]);
    expect(stepSchedule({ peak: 1, milestones: [] })(1000)).toBe(1);
  });

  test('refuses what is out of range', () => {
    const wrong: [object, string][] = [
      [{ peak: 0 }, 'peak is 0'],
      [{ milestones: 3 }, 'milestones is 3; expected a list'],
      [{ milestones: [8, 6] }, 'milestones[1] is 6; expected a number from the one before, 8'],
      [{ milestones: [1.5] }, 'milestones[0] is 1.5; expected an integer'],
      [{ factor: 0 }, 'factor is 0'],
      [{ warmupRatio: 2 }, 'warmupRatio is 2'],
      [{ warmupSteps: -1 }, 'warmupSteps is -1'],
    ];
    for (const [options, message] of wrong) {
      expect(() => stepSchedule({ ...given, ...options })).toThrow(message);
    }
    expect(() => stepSchedule(given)(0)).toThrow('step is 0; steps count from 1');
  });
});

describe('polySchedule', () => {
  // mmcv's LrUpdaterHook, written down once more: `it` counts from 0.
  const published = (it: number, base: number, o: Record<string, number>) => {
    const { power = 1, min = 0, steps = 1, warmup = 0, ratio = 1 } = o;
    const regular = (base - min) * (1 - it / steps) ** power + min;
    if (it >= warmup) return regular;
    const k = (1 - it / warmup) * (1 - ratio);
    return regular * (1 - k);
  };

  test.each([
    [1, 0, 0, 1e-6],
    [0.9, 1e-4, 0, 1e-6],
    [1, 0, 5, 1e-6],
    [2, 1e-3, 7, 0.1],
  ])('power %d, least rate %d, %d steps of warm-up from %d', (power, min, warmup, ratio) => {
    const steps = 20;
    const schedule = polySchedule({
      peak: 0.01,
      steps,
      power,
      minRate: min,
      warmupSteps: warmup,
      warmupRatio: ratio,
    });
    const expected = Array.from({ length: steps }, (_, it) =>
      published(it, 0.01, { power, min, steps, warmup, ratio }),
    );
    expectRates(rates(schedule, steps), expected);
    expect(schedule(steps + 1)).toBe(min);
    expect(schedule(10 * steps)).toBe(min);
  });

  test('the first step of the published warm-up has a millionth of the rate', () => {
    const schedule = polySchedule({ peak: 6e-5, steps: 160_000, warmupSteps: 1500 });
    expectRates([schedule(1), schedule(80_001)], [6e-11, 3e-5]);
  });

  test('options are checked', () => {
    const given = { peak: 1, steps: 10 };
    expect(() => polySchedule({ ...given, power: 0 })).toThrow('power is 0');
    expect(() => polySchedule({ ...given, warmupRatio: 0 })).toThrow('warmupRatio is 0');
    expect(() => polySchedule({ ...given, minRate: 1.5 })).toThrow('minRate is 1.5');
  });
});

describe('oneCycleSchedule', () => {
  // The rates of torch.optim.lr_scheduler.OneCycleLR of PyTorch 2, with max_lr 0.4.
  const table: [string, Omit<OneCycleScheduleOptions, 'peak'>, number[]][] = [
    [
      'as it comes',
      { steps: 12 },
      [
        0.016, 0.139915861688, 0.351714063649, 0.39776617418, 0.373205187937, 0.32469826158,
        0.258951599078, 0.185054841067, 0.113224399283, 0.0533910120755, 0.0138267949702, 1.6e-6,
      ],
    ],
    [
      'in straight lines',
      { steps: 10, form: 'linear', riseShare: 0.25, startDivisor: 10, endDivisor: 100 },
      [0.04, 0.28, 0.37336, 0.32008, 0.2668, 0.21352, 0.16024, 0.10696, 0.05368, 0.0004],
    ],
    [
      'in three phases',
      { steps: 15, threePhase: true, riseShare: 0.4 },
      [
        0.016, 0.05266873708, 0.14866873708, 0.26733126292, 0.36333126292, 0.4, 0.36333126292,
        0.26733126292, 0.14866873708, 0.05266873708, 0.016, 0.0136570885641, 0.0080008,
        0.00234451143593, 1.6e-6,
      ],
    ],
    [
      'in three phases of straight lines',
      { steps: 11, threePhase: true, riseShare: 0.3, form: 'linear' },
      [
        0.016, 0.182956521739, 0.349913043478, 0.283130434783, 0.116173913043, 0.0148149333333,
        0.0118522666667, 0.0088896, 0.00592693333333, 0.00296426666667, 1.6e-6,
      ],
    ],
    [
      'without a rise',
      { steps: 5, riseShare: 0 },
      [0.361803551661, 0.261803951661, 0.138197648339, 0.0381980483386, 1.6e-6],
    ],
    [
      'without a fall',
      { steps: 5, riseShare: 1 },
      [0.016, 0.0722354980122, 0.208, 0.343764501988, 0.4],
    ],
    ['of a single step', { steps: 1 }, [1.6e-6]],
  ];

  test.each(table)('%s: the rates of PyTorch', (_, options, expected) => {
    const schedule = oneCycleSchedule({ peak: 0.4, ...options });
    expectRates(rates(schedule, options.steps), expected);
    expect(schedule(options.steps + 5)).toBe(schedule(options.steps));
  });

  test('options are checked; a rise of no length is at its peak', () => {
    const given = { peak: 1, steps: 10 };
    expect(() => oneCycleSchedule({ ...given, riseShare: 1.1 })).toThrow('in [0, 1]');
    expect(() => oneCycleSchedule({ ...given, riseShare: 0.6, threePhase: true })).toThrow(
      'riseShare is 0.6; expected a number in [0, 0.5]',
    );
    expect(() => oneCycleSchedule({ ...given, form: 'cos' as never })).toThrow(
      "'cosine', 'linear'",
    );
    expect(() => oneCycleSchedule({ ...given, startDivisor: 0 })).toThrow('startDivisor is 0');
    // PyTorch divides by zero here.
    expect(oneCycleSchedule({ ...given, riseShare: 0.1 })(1)).toBe(1);
  });
});

test('scaleRate is in proportion to the batch', () => {
  expect(scaleRate(1e-3, 1024)).toBe(1e-3);
  expect(scaleRate(1e-3, 256)).toBe(2.5e-4);
  expect(scaleRate(4e-5, 32, 16)).toBe(8e-5);
  expect(() => scaleRate(1e-3, 0)).toThrow('batchSize is 0; expected a number from 1');
  expect(() => scaleRate('1' as never, 4)).toThrow('rate is "1"');
});

describeBackends('a schedule in fit', () => {
  const makers: [string, () => tf.Optimizer][] = [
    ['AdamW', () => new AdamW({ learningRate: 5 })],
    ['SGD', () => new SGD({ learningRate: 5 })],
    ['SGD, fused', () => new SGD({ learningRate: 5, fused: true })],
    ['tf.train.sgd', () => tf.train.sgd(5)],
    ['tf.train.momentum', () => tf.train.momentum(5, 0)],
    ['tf.train.adam', () => tf.train.adam(5)],
    ['tf.train.adamax', () => tf.train.adamax(5)],
    ['tf.train.adagrad', () => tf.train.adagrad(5)],
    ['tf.train.adadelta', () => tf.train.adadelta(5)],
    ['tf.train.rmsprop', () => tf.train.rmsprop(5)],
  ];

  test.each(makers)('%s: every step has its rate', async (name, make) => {
    const model = tf.sequential({
      layers: [tf.layers.dense({ units: 1, inputShape: [2], useBias: false })],
    });
    const [x, y] = [tf.ones([4, 2]), tf.zeros([4, 1])];
    const optimizer = make();
    const taken = async () => {
      const loss = (_: tf.Tensor, output: tf.Tensor) => tf.mean(output, -1);
      model.compile({ optimizer, loss });
      const seen: number[] = [];
      const steps: number[] = [];
      const schedule: Schedule = (step) => {
        seen.push(step);
        return 0.01 * step;
      };
      const callback = scheduleCallback(schedule);
      let before = model.getWeights()[0]?.dataSync()[0] as number;
      const watch = new tf.CustomCallback({
        onBatchEnd: () => {
          const now = model.getWeights()[0]?.dataSync()[0] as number;
          steps.push(before - now);
          before = now;
        },
      });
      const fit = { batchSize: 2, epochs: 2, verbose: 0 as const, callbacks: [callback, watch] };
      await model.fit(x, y, fit);
      await model.fit(x, y, { ...fit, epochs: 1 });
      // Over epochs, and over calls of fit.
      expect(seen).toEqual([1, 2, 3, 4, 5, 6]);
      if (/sgd|momentum/i.test(name)) {
        // The slope of the loss is 1.
        steps.forEach((step, i) => expect(step).toBeCloseTo(0.01 * (i + 1), 5));
      } else {
        expect(Math.max(...steps.map(Math.abs))).toBeLessThan(0.5);
      }
      expect((optimizer as unknown as { learningRate: number }).learningRate).toBeCloseTo(0.06);
    };
    // The first time, an optimizer makes its moments, of which tfjs's do not free all.
    await taken();
    await expectNoLeak(taken);
    optimizer.dispose();
    tf.dispose([x, y]);
    model.dispose();
  });
});

test('a callback begins where it is told to; what is no schedule or optimizer is refused', async () => {
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
  const optimizer = tf.train.sgd(1);
  model.compile({ optimizer, loss: 'meanSquaredError' });
  const [x, y] = [tf.ones([2, 1]), tf.ones([2, 1])];
  const seen: number[] = [];
  const fit = (schedule: Schedule, firstStep?: number) => {
    const callbacks = [scheduleCallback(schedule, { firstStep })];
    return model.fit(x, y, { batchSize: 1, epochs: 1, verbose: 0, callbacks });
  };
  await fit((step) => (seen.push(step), 0.1), 11);
  expect(seen).toEqual([11, 12]);
  await expect(fit(() => NaN)).rejects.toThrow('setLearningRate: rate is NaN');
  await expect(fit(() => -1)).rejects.toThrow('setLearningRate: rate is -1');
  expect(() => scheduleCallback(0.1 as never)).toThrow('schedule is 0.1; expected a function');
  expect(() => scheduleCallback(() => 1, { firstStep: 0 })).toThrow('firstStep is 0');
  expect(() => setLearningRate({} as never, 1)).toThrow('expected one with a learning rate');
  await expect(scheduleCallback(() => 1).onBatchBegin(0)).rejects.toThrow('outside of fit');
  optimizer.dispose();
  tf.dispose([x, y]);
  model.dispose();
});
