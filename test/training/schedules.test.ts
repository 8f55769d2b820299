import { inverseSquareRootSchedule } from 'tfjs-revcol';

test('rises linearly to its peak, then falls with the root of the step', () => {
  const schedule = inverseSquareRootSchedule({ peak: 0.4, warmupSteps: 10 });
  const expected = [0.04, 0.2, 0.4, 0.2, 0.04];
  [1, 5, 10, 40, 1000].forEach((step, i) =>
    expect(schedule(step)).toBeCloseTo(expected[i] as number, 12),
  );
});

test('is the published one for the published peak', () => {
  const [width, warmupSteps] = [512, 4000];
  const schedule = inverseSquareRootSchedule({ peak: (width * warmupSteps) ** -0.5, warmupSteps });
  for (const step of [1, 100, 4000, 4001, 100000]) {
    const published = width ** -0.5 * Math.min(step ** -0.5, step * warmupSteps ** -1.5);
    expect(schedule(step) / published).toBeCloseTo(1, 12);
  }
});

test('options and steps are checked', () => {
  expect(() => inverseSquareRootSchedule({ peak: 0, warmupSteps: 1 })).toThrow('peak is 0');
  expect(() => inverseSquareRootSchedule({ peak: 1, warmupSteps: 0 })).toThrow('warmupSteps is 0');
  expect(() => inverseSquareRootSchedule({ peak: 1, warmupSteps: 1 })(0)).toThrow('step is 0');
});
