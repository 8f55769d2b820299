/** A step of a large batch whose gradient is computed part by part. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { requireArgument, requireInteger } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import {
  applied,
  checkedStep,
  isFused,
  type Outputs,
  statisticsKept,
  totalLoss,
} from './step_parts';
import { requireStepSeed, seeded } from './step_seed';
import type { TrainingStepOptions } from './training_step';

const OWNER = 'accumulatedStep';

/** Tensors of one model: one, or one for each of its inputs or outputs. */
type Batch = tf.Tensor | tf.Tensor[];

/** Options of `accumulatedStep`. */
export interface AccumulatedStepOptions extends TrainingStepOptions {
  /** Number of examples whose activations are in memory at a time, from 1. The last part may be smaller. */
  microBatch: number;
}

const OPTIONS: OptionNames<AccumulatedStepOptions> = {
  microBatch: true,
  clipNorm: true,
  seed: true,
};

/**
 * `trainingStep` of a large batch in parts: it takes the gradients of `microBatch` examples at a time,
 * adds them up in the shares that the parts have of the batch, and lets the optimizer apply the sum. For
 * a loss that is a mean over examples the step is that of the whole batch, to rounding; layers that look
 * at the batch as a whole (batch normalization) see parts, and stochastic depth draws for each part
 * (with `seed`, from it and the part's first example).
 * Beside the activations of a part it keeps one more set of gradients.
 *
 * @param inputs the model's inputs for the whole batch, `[batch, ...]`; they stay the caller's
 * @param targets what the loss compares with, `[batch, ...]`, cut into parts like the inputs
 * @param loss the mean loss of a part: of the model's output, or of the list of its outputs, and of the
 *   targets of the part, as `targets` was given, a scalar
 * @returns the loss of the batch before the step, penalties included, a scalar that is the caller's
 * @throws {Error} as `trainingStep`, when the batches of inputs and targets differ, `microBatch` is out
 *   of range, or the optimizer is fused
 *
 * @example
 * const loss = accumulatedStep(model, optimizer, x, labels,
 *   (logits, y) => softmaxCrossEntropy(y, logits), { microBatch: 8 });
 */
export function accumulatedStep<Targets extends Batch>(
  model: tfl.LayersModel,
  optimizer: tf.Optimizer,
  inputs: Batch,
  targets: Targets,
  loss: (outputs: Outputs, targets: Targets) => tf.Scalar,
  options: AccumulatedStepOptions,
): tf.Scalar {
  requireOptions(OWNER, options, OPTIONS);
  const { microBatch, clipNorm, seed } = options;
  const variables = checkedStep(OWNER, { model, optimizer, inputs, loss, clipNorm });
  requireInteger(OWNER, 'microBatch', microBatch, 1);
  requireStepSeed(OWNER, seed);
  const batch = batchOf(inputs, targets);
  if (isFused(optimizer)) {
    throw new Error(
      `${OWNER}: the optimizer is fused: it updates each weight as soon as its gradient is there, so ` +
        `that there is nothing to add up; make it with fused: false, or take the whole batch in one ` +
        `trainingStep`,
    );
  }
  return tf.tidy(() => {
    const sums = new Map<string, tf.Tensor>();
    let mean: tf.Tensor | undefined;
    statisticsKept(() => {
      for (let start = 0; start < batch; start += microBatch) {
        const size = Math.min(microBatch, batch - start);
        const share = size / batch;
        const part = tf.tidy(() => {
          const cut = <T extends Batch>(x: T) => sliced(x, start, size);
          const x = cut(inputs);
          const y = cut(targets);
          const total = seeded(
            seed,
            () => totalLoss(OWNER, model, x, (outputs) => loss(outputs, y)),
            start,
          );
          const { value, grads } = optimizer.computeGradients(total, variables);
          const entries = Object.entries(grads);
          const last = new Map(entries.map(([name, gradient]) => [gradient, name]));
          const added = entries.map(([name, gradient]) => {
            // Null where the loss does not depend on the weight.
            if ((gradient as tf.Tensor | null) == null) return null;
            const next = tf.mul(gradient, share);
            // Weights may share one, where an operation gives it for several inputs.
            if (last.get(gradient) === name) gradient.dispose();
            const sum = sums.get(name);
            if (!sum) return { name, tensor: next };
            const tensor = tf.add(sum, next);
            // At once: at the end of the tidy there would be two more sets of gradients.
            tf.dispose([next, sum]);
            return { name, tensor };
          });
          const loss_ = tf.mul(value, share);
          return {
            mean: mean ? tf.add(mean, loss_) : loss_,
            added: added.filter((a) => a !== null),
          };
        });
        mean?.dispose();
        mean = part.mean;
        for (const { name, tensor } of part.added) sums.set(name, tensor);
      }
    });
    applied(
      optimizer,
      variables.map(({ name }) => ({ name, tensor: sums.get(name) ?? null })),
      clipNorm,
    );
    return mean as unknown as tf.Scalar;
  });
}

/** Number of examples, the same in all tensors. */
function batchOf(inputs: Batch, targets: Batch): number {
  const listed = (x: Batch): tf.Tensor[] => (Array.isArray(x) ? x : [x]);
  const [first] = listed(inputs);
  const batch = first?.shape[0] ?? 0;
  for (const [name, list] of Object.entries({ inputs: listed(inputs), targets: listed(targets) })) {
    for (const x of list) {
      const isTensor = (x as unknown) instanceof tf.Tensor;
      const fits = isTensor && x.shape[0] === batch && batch >= 1;
      requireArgument(OWNER, name, x, fits, `a tensor [batch, ...] with a batch of ${batch}`);
    }
  }
  return batch;
}

function sliced<T extends Batch>(x: T, start: number, size: number): T {
  const one = (tensor: tf.Tensor) =>
    tf.slice(
      tensor,
      [start, ...tensor.shape.slice(1).map(() => 0)],
      [size, ...tensor.shape.slice(1)],
    );
  return (Array.isArray(x) ? x.map(one) : one(x as tf.Tensor)) as T;
}
