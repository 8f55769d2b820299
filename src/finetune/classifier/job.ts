/** Training of a classifier, as a run wants it: batches, steps and validation. */
import * as tf from '@tensorflow/tfjs-core';

import type { LabelledBatch } from '../../data/read_batches';
import type { Evaluation } from '../../evaluation/evaluation';
import type { Job } from '../run/job';
import { takeStep } from '../run/stepper';
import { classificationLoss, countRight } from './loss';
import type { FineTuneOptions } from './options';
import type { ClassifierPlan, Examples } from './plan';
import type { PreparedModel } from './prepare';
import { validate } from './validate';

/** The job of training a prepared model by a plan. */
export function classifierJob(
  owner: string,
  prepared: PreparedModel,
  { data, validation }: Examples,
  { transform, labelSmoothing, seed, form }: ClassifierPlan,
  options: Pick<FineTuneOptions, 'signal' | 'onError'>,
): Job<LabelledBatch, Evaluation> {
  const { model, input, head } = prepared;
  const { givesProbabilities } = head;
  return {
    model,
    batches: ({ epoch, ...request }) =>
      data.batches({ ...request, input, transform: transform(epoch) }),
    free: ({ x }) => x.dispose(),
    step: async (optimizer, number, { x, labels }, phase) => {
      const targets = tf.tensor1d(labels, 'int32');
      try {
        return await takeStep(owner, model, optimizer, number, {
          x,
          targets,
          lossOf: (outputs, ids) =>
            classificationLoss(ids, outputs as tf.Tensor, givesProbabilities, labelSmoothing),
          rightOf: (outputs, ids) => countRight(ids, outputs as tf.Tensor),
          seed,
          part: form.part,
          phase,
        });
      } finally {
        targets.dispose();
      }
    },
    validate: async (step, phase) => {
      const shown = { ...(validation as NonNullable<typeof validation>), batch: form.part, phase };
      const evaluation = await validate(owner, prepared, shown, step, options);
      const { top1, loss } = evaluation;
      return {
        evaluation,
        score: { accuracy: top1, loss },
        point: { validationLoss: loss, validationAccuracy: top1 },
      };
    },
  };
}
