/** How well a model does on examples that it is not trained on. */
import { requireSomeRead, type SkippedExample } from '../../data/example_source';
import { predictLogProbabilities } from '../../evaluation/class_outputs';
import type { Evaluation } from '../../evaluation/evaluation';
import { ClassificationMetrics } from '../../evaluation/metrics';
import { againSlower, DivergedError, type PeakRate } from '../base/errors';
import { findNonFinite } from '../run/non_finite';
import type { FineTuneOptions } from './options';
import type { PreparedModel } from './prepare';
import type { TrainingData } from './training_data';

/** How many of the worst mistakes are kept, and bins of the calibration: those of `evaluate`. */
const METRICS = { worst: 20, bins: 15 };

/** What is evaluated. */
export interface Validated {
  readonly data: TrainingData;
  /** Numbers of the examples. */
  readonly order: readonly number[];
  /** Examples at a time. */
  readonly batch: number;
  /** What the model is trained by, for messages. */
  readonly phase: PeakRate;
}

/**
 * Evaluates a model as it is now.
 *
 * @param step the last one that was taken, for messages
 * @throws {Error} when the examples hold values that are not finite, or none of them can be read
 * @throws {DivergedError} when the model gives something else than numbers though they do not
 */
export async function validate(
  owner: string,
  { model, head, input, classNames }: PreparedModel,
  { data, order, batch, phase }: Validated,
  step: number,
  { signal, onError }: Pick<FineTuneOptions, 'signal' | 'onError'>,
): Promise<Evaluation> {
  const { classes, givesProbabilities } = head;
  const output = {
    index: 0,
    classes,
    kind: givesProbabilities ? 'probabilities' : 'logits',
  } as const;
  const metrics = new ClassificationMetrics(classNames, METRICS);
  const skipped: SkippedExample[] = [];
  const onSkip = onError === 'skip' ? (one: SkippedExample) => void skipped.push(one) : undefined;
  const read = { batchSize: batch, input, order, signal, onSkip };
  let done = 0;
  for await (const { x, labels, indices } of data.batches(read)) {
    try {
      const values = await predictLogProbabilities(model, output, x);
      if (values.some(Number.isNaN)) {
        const { layer, sources } = await findNonFinite(model, x, 0);
        if (layer === null && sources.length > 0) {
          const wrong = Math.floor(values.findIndex(Number.isNaN) / classes);
          throw new Error(
            `${owner}: the examples for validation hold values that are not finite, at first ` +
              `${data.nameOf(indices[wrong] as number)}. Give finite ones`,
          );
        }
        throw new DivergedError(
          step,
          layer,
          `${owner}: after step ${step} the model gives something else than numbers` +
            `${layer === null ? '' : `, at first in layer '${layer}'`}. ${againSlower(phase)}`,
        );
      }
      indices.forEach((index, i) => {
        const row = values.subarray(i * classes, (i + 1) * classes);
        metrics.add({ index, name: data.nameOf(index), label: labels[i] as number }, row);
      });
      done += indices.length;
    } finally {
      x.dispose();
    }
  }
  requireSomeRead(`${owner}: validation`, done, skipped);
  return { ...metrics.result(), skipped };
}
