/** Training of a segmenter, as a run wants it: batches, steps and validation. */
import * as tf from '@tensorflow/tfjs-core';

import { present } from '../../common/model_metadata';
import { readSegmentationBatches, type SegmentationBatch } from '../../data/read_label_maps';
import { type SegmentationEvaluation, segmentationScores } from '../../models/evaluate_segmenter';
import { pixelAccuracy, segmentationLoss } from '../../training/segmentation_loss';
import type { Job } from '../run/job';
import { requireFiniteWeights, takeStep } from '../run/stepper';
import type { FineTuneSegmenterOptions } from './options';
import type { SegmenterExamples, SegmenterPlan } from './plan';
import type { PreparedSegmenter } from './prepare';

/** The job of training a prepared segmenter by a plan. */
export function segmenterJob(
  owner: string,
  { model, mean, std }: PreparedSegmenter,
  { data, validation }: SegmenterExamples,
  { recipe, auxiliaryWeight, segmenting, seed, form, least }: SegmenterPlan,
  { signal, onError }: Pick<FineTuneSegmenterOptions, 'signal' | 'onError'>,
): Job<SegmentationBatch, SegmentationEvaluation> {
  const { ignoreLabel } = data;
  const { classNames } = data;
  const free = ({ x, labels }: SegmentationBatch) => tf.dispose([x, labels]);
  return {
    model,
    batches: async function* ({ epoch, ...request }) {
      const reading = { ...request, recipe: recipe(epoch), mean, std };
      for await (const batch of readSegmentationBatches(owner, data, reading)) {
        if (batch.indices.length >= least) {
          yield batch;
          continue;
        }
        // Others of its step are broken. Left out as steps are of which none can be read.
        free(batch);
        for (const index of batch.indices) {
          const message = 'is left alone in its step, as the others cannot be read';
          request.onSkip?.({ index, name: data.name(index), message });
        }
      }
    },
    free,
    step: (optimizer, number, { x, labels }, phase) =>
      takeStep(owner, model, optimizer, number, {
        x,
        targets: labels,
        lossOf: (outputs, maps) =>
          segmentationLoss(maps, outputs, { ignoreLabel, auxiliaryWeight }),
        rightOf: (outputs, maps) =>
          tf.tidy(() => {
            const [main] = [outputs].flat() as [tf.Tensor];
            const share = pixelAccuracy(maps, main, { ignoreLabel });
            return tf.mul(share, (maps.shape[0] as number) / 100) as tf.Scalar;
          }),
        seed,
        part: form.part,
        phase,
      }),
    validate: async (step, phase) => {
      await requireFiniteWeights(owner, model, step, phase);
      const shown = validation as NonNullable<typeof validation>;
      const evaluation = await segmentationScores(
        `${owner}: validation`,
        model,
        shown.data,
        // As in training, whatever is saved with the model.
        { shortSide: null, ...present(segmenting), mean, std, classNames, onError, signal },
        shown.order,
      );
      const { mIoU } = evaluation;
      if (mIoU === null) {
        throw new Error(
          `${owner}: no pixel of the ${evaluation.pictures} pictures for validation has a class; give some that ` +
            'do, or validation: 0',
        );
      }
      return { evaluation, score: { accuracy: mIoU }, point: { validationMeanIoU: mIoU } };
    },
  };
}
