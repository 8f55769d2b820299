/** Training of a detector, as a run wants it: batches, steps and validation. */
import * as tf from '@tensorflow/tfjs-core';

import { type ObjectBatch, readObjectBatches } from '../../data/read_objects';
import type { TrainingWatch } from '../../models/detection_gradients';
import { watchedDetectionStep } from '../../models/detection_step';
import { type DetectorEvaluation, detectorScores } from '../../models/evaluate_detector';
import { NotFiniteError } from '../../models/proposals';
import { readTensor } from '../../ops/engine/lost_backend';
import { deriveSeed } from '../../ops/engine/random';
import type { Job } from '../run/job';
import { areFinite, findNonFinite, findNonFiniteWeights } from '../run/non_finite';
import { divergedError, requireFiniteWeights } from '../run/stepper';
import { type DetectorExamples, nothingToFind } from './marked_pictures';
import type { FineTuneDetectorOptions } from './options';
import type { DetectorPlan } from './plan';
import type { PreparedDetector } from './prepare';

/** The job of training a prepared detector by a plan. */
export function detectorJob(
  owner: string,
  { model, parts, mean, std }: PreparedDetector,
  { data, validation }: DetectorExamples,
  { transform, training, detecting, seed }: DetectorPlan,
  { signal, onError }: Pick<FineTuneDetectorOptions, 'signal' | 'onError'>,
): Job<ObjectBatch, DetectorEvaluation> {
  const { classNames } = data;
  return {
    model,
    batches: ({ epoch, ...request }) =>
      readObjectBatches(owner, data, { ...request, transform, seed: [seed, epoch], mean, std }),
    free: ({ images }) => images.dispose(),
    step: async (optimizer, number, { images, objects }, phase) => {
      const count = new RightRegions();
      const options = { seed: [seed, number] as const, training };
      try {
        const { loss } = await watchedDetectionStep(
          model,
          optimizer,
          images,
          objects,
          options,
          count,
        );
        return { loss, right: objects.length * (await count.share()) };
      } catch (error) {
        const isLoss = error instanceof NotFiniteError;
        if (!isLoss && (await areFinite(model.weights))) throw error;
        const value = isLoss ? error.value : NaN;
        throw await divergedError(owner, { step: number, value, phase }, async () => {
          const found = await findNonFinite(parts.first, images, deriveSeed(seed, number));
          const isFound = found.layer !== null || found.sources.length > 0;
          return isFound ? found : findNonFiniteWeights(model);
        });
      } finally {
        count.dispose();
      }
    },
    validate: async (step, phase) => {
      await requireFiniteWeights(owner, model, step, phase);
      const shown = validation as NonNullable<typeof validation>;
      const evaluation = await detectorScores(
        `${owner}: validation`,
        model,
        shown.data,
        { ...detecting, mean, std, classNames, onError, signal },
        shown.order,
      );
      const [box, mask] = [evaluation.box.AP, evaluation.mask.AP];
      if (box === null || mask === null) {
        throw nothingToFind(owner, evaluation.pictures);
      }
      return {
        evaluation,
        score: { accuracy: box },
        point: { validationBoxAP: box, validationMaskAP: mask },
      };
    },
  };
}

/** Counts the regions whose class the heads have right, background included. */
class RightRegions implements TrainingWatch {
  private readonly counts: tf.Tensor[] = [];
  private regions = 0;

  readonly onHead: TrainingWatch['onHead'] = (_, targets, [logits]) => {
    const labels = targets.flatMap((own) => Array.from(own.labels));
    this.regions += labels.length;
    const count = tf.tidy(() => {
      const best = tf.argMax(logits as tf.Tensor, 1);
      return tf.sum(tf.cast(tf.equal(best, tf.tensor1d(labels, 'int32')), 'float32'));
    });
    this.counts.push(count);
  };

  /** Share of all; 0 where there was no region. */
  async share(): Promise<number> {
    let right = 0;
    for (const count of this.counts) right += (await readTensor(count))[0] as number;
    return right / Math.max(1, this.regions);
  }

  dispose(): void {
    tf.dispose(this.counts);
  }
}
