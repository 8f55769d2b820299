/** Contents of reports for tests, with names that try to be HTML. */
import type { Evaluation } from '../../src/evaluation/evaluation';
import { ClassificationMetrics } from '../../src/evaluation/metrics';
import type { HistoryPoint } from '../../src/evaluation/training_history';

/** Names that would be markup, were they not escaped. */
export const HOSTILE = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(2)>',
  "cat's & dog's",
  '\u202egnp.exe',
  'a line\u2028\nand another',
];

/** A seeded evaluation of so many classes. */
export function evaluationOf(classNames: readonly string[], examples: number): Evaluation {
  const metrics = new ClassificationMetrics(classNames, { bins: 15, worst: 6 });
  let state = 1;
  const random = () => (state = (48271 * state) % 2147483647) / 2147483647;
  for (let index = 0; index < examples; index++) {
    const label = index % classNames.length;
    const scores = classNames.map((_, c) => 3 * random() + (c === label ? 1.5 : 0));
    const sum = Math.log(scores.reduce((total, score) => total + Math.exp(score), 0));
    const name = `${classNames[label]}/${index}.png`;
    metrics.add(
      { index, name, label },
      scores.map((score) => score - sum),
    );
  }
  const skipped = [{ index: 99, name: '<b>broken</b>.jpg', message: 'is <i>cut</i> short' }];
  return { ...metrics.result(), skipped };
}

/** A training of two phases. */
export function historyOf(steps: number): HistoryPoint[] {
  return Array.from({ length: steps }, (_, i) => ({
    step: i + 1,
    epoch: (i + 1) / 50,
    phase: i < steps / 4 ? 'head' : 'everything',
    loss: 2.3 * Math.exp(-i / 60) + 0.1 * Math.sin(i),
    accuracy: 1 - 0.9 * Math.exp(-i / 60),
    learningRate: 1e-3 * (1 - i / steps),
    bytes: 3e8,
    peakBytes: 8e8 + 1e7 * (i % 7),
    residentBytes: 1.2e9 + 1e6 * i,
    imagesPerSecond: 40 + (i % 5),
    ...(i % 50 === 49
      ? {
          validationLoss: 2.4 * Math.exp(-i / 70) + 0.2,
          validationAccuracy: 1 - 0.92 * Math.exp(-i / 70),
        }
      : {}),
  }));
}
