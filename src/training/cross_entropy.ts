/** Cross entropy of classes and of independent probabilities, from logits, each as one operation. */
import * as tf from '@tensorflow/tfjs-core';

import { requireArgument, requireRate, show } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import { isClass, oneHot, requireClasses } from '../ops/class_ids';
import { defineOp } from '../ops/engine/define_op';
import { disposingTapeOnError } from '../ops/engine/engine';

/** Options of `softmaxCrossEntropy` and `sigmoidCrossEntropy`. */
export interface CrossEntropyOptions {
  /**
   * Share of the target probability that is spread evenly over the classes, of a single probability over
   * 0 and 1, in [0, 1) (Szegedy et al. 2016, arXiv 1512.00567). Default 0.
   */
  labelSmoothing?: number;
}

const OPTIONS: OptionNames<CrossEntropyOptions> = { labelSmoothing: true };

interface Attrs {
  /** Whether the loss is the mean over all examples, a scalar, or that of each, `[batch]`. */
  mean: boolean;
}

/** What the gradient of each example is multiplied by, of a rank that broadcasts. */
function factorOf(dy: tf.Tensor, { shape }: tf.Tensor, { mean }: Attrs): tf.Tensor {
  if (mean) return tf.div(dy, Math.max(1, shape[0] as number));
  return tf.reshape(dy, [shape[0] as number, ...shape.slice(1).map(() => 1)]);
}

function reduced(losses: tf.Tensor, { mean }: Attrs): tf.Tensor {
  return mean ? tf.mean(losses) : losses;
}

/** A product in which a share of 0 leaves nothing of an infinite value, where one by itself gives NaN. */
function shareOf(values: tf.Tensor, shares: tf.Tensor): tf.Tensor {
  return tf.where(tf.notEqual(shares, 0), tf.mul(shares, values), tf.zerosLike(values));
}

const softmaxOp = defineOp({
  name: 'RevColSoftmaxCrossEntropy',
  inputs: ['logits', 'targets'],
  forward: ({ logits, targets }, attrs: Attrs) => {
    // The loss does not depend on what all logits have in common; without it less is rounded away.
    const x = tf.sub(logits, tf.max(logits, -1, true));
    const total = tf.mul(tf.sum(targets, -1), tf.log(tf.sum(tf.exp(x), -1)));
    return reduced(tf.sub(total, tf.sum(shareOf(x, targets), -1)), attrs);
  },
  backward: (dy, { logits, targets }, attrs) => ({
    logits: () => {
      const expected = tf.mul(tf.softmax(logits), tf.sum(targets, -1, true));
      return tf.mul(tf.sub(expected, targets), factorOf(dy, logits, attrs));
    },
    targets: null,
  }),
});

const sigmoidOp = defineOp({
  name: 'RevColSigmoidCrossEntropy',
  inputs: ['logits', 'targets'],
  forward: ({ logits, targets }, attrs: Attrs) => {
    // The share of the target that the logit is against. No relu: webgl's makes NaN of -Infinity.
    const against = tf.where(tf.greater(logits, 0), tf.sub(1, targets), targets);
    const size = tf.abs(logits);
    const wrong = shareOf(size, against);
    const losses = tf.add(wrong, tf.log1p(tf.exp(tf.neg(size))));
    return reduced(tf.mean(tf.reshape(losses, [losses.shape[0] as number, -1]), 1), attrs);
  },
  backward: (dy, { logits, targets }, attrs) => ({
    logits: () => {
      const size = logits.size / Math.max(1, logits.shape[0] as number);
      const factor = tf.div(factorOf(dy, logits, attrs), size);
      return tf.mul(tf.sub(tf.sigmoid(logits), targets), factor);
    },
    targets: null,
  }),
});

/** Asserts two tensors, and options. */
export function checkLossArguments(
  owner: string,
  tensors: Readonly<Record<string, tf.Tensor>>,
  options: CrossEntropyOptions,
  names: OptionNames<CrossEntropyOptions> = OPTIONS,
): void {
  requireOptions(owner, options, names);
  for (const [name, x] of Object.entries(tensors)) {
    requireArgument(owner, name, x, (x as unknown) instanceof tf.Tensor, 'a tensor');
  }
  requireRate(owner, 'labelSmoothing', options.labelSmoothing ?? 0);
}

/**
 * Labels as probabilities, `[batch, classes]`, float32, before any smoothing.
 *
 * @param labels class numbers `[batch]` or `[batch, 1]`, or probabilities `[batch, classes]`
 * @throws {Error} when they have another shape, or a class number is out of range
 */
export function toProbabilities(owner: string, labels: tf.Tensor, logits: tf.Tensor): tf.Tensor {
  const [batch, classes] = logits.shape as [number, number];
  const shape = labels.shape.join();
  if (logits.rank === 2 && shape === logits.shape.join()) return tf.cast(labels, 'float32');
  if (logits.rank !== 2 || (shape !== String(batch) && shape !== `${batch},1`)) {
    throw new Error(
      `${owner}: labels of shape ${show(labels.shape)} for logits of shape ${show(logits.shape)}; ` +
        `expected logits [batch, classes] and class numbers [batch] or [batch, 1], or probabilities ` +
        `[batch, classes]`,
    );
  }
  const numbers = tf.reshape(labels, [batch]);
  requireClasses(owner, 'a label', numbers, classes);
  return tf.tidy(() => {
    const ids = tf.cast(numbers, 'int32');
    const inside = isClass(ids, classes);
    const hot = oneHot(tf.where(inside, ids, tf.zerosLike(ids)) as tf.Tensor1D, classes);
    // Where nobody looked, a label out of range shows in the loss.
    const mark = tf.where(inside, tf.zeros([batch]), tf.fill([batch], NaN));
    return tf.add(hot, tf.reshape(mark, [batch, 1]));
  });
}

/** Probabilities of which a share is spread over so many outcomes. */
function smoothed(probabilities: tf.Tensor, smoothing: number, outcomes: number): tf.Tensor {
  if (smoothing === 0) return probabilities;
  return tf.add(tf.mul(probabilities, 1 - smoothing), smoothing / outcomes);
}

/** See `softmaxCrossEntropy`; of each example where not the mean. */
export function softmaxLosses(
  owner: string,
  labels: tf.Tensor,
  logits: tf.Tensor,
  { labelSmoothing = 0 }: CrossEntropyOptions,
  mean: boolean,
): tf.Tensor {
  return tf.tidy(() => {
    const targets = disposingTapeOnError(() => toProbabilities(owner, labels, logits));
    const classes = logits.shape[1] as number;
    return softmaxOp({ logits, targets: smoothed(targets, labelSmoothing, classes) }, { mean });
  });
}

/** See `sigmoidCrossEntropy`; of each example where not the mean. */
export function sigmoidLosses(
  owner: string,
  labels: tf.Tensor,
  logits: tf.Tensor,
  { labelSmoothing = 0 }: CrossEntropyOptions,
  mean: boolean,
): tf.Tensor {
  disposingTapeOnError(() => {
    if (logits.rank > 0 && labels.shape.join() === logits.shape.join()) return;
    throw new Error(
      `${owner}: labels of shape ${show(labels.shape)} for logits of shape ${show(logits.shape)}; ` +
        `expected the same shape, [batch, ...]`,
    );
  });
  return tf.tidy(() => {
    const targets = smoothed(tf.cast(labels, 'float32'), labelSmoothing, 2);
    return sigmoidOp({ logits, targets }, { mean });
  });
}

/**
 * Mean cross entropy of classes, from logits, as one tape node: with `p` the softmax of an example's
 * logits over `classes`, and `q` its target probabilities,
 *
 *     loss = -sum(q * log p),  q = (1 - labelSmoothing) * label + labelSmoothing / classes
 *
 * averaged over the batch. Logits may be of any finite size: nothing overflows, and a wrong answer keeps its
 * gradient however sure it is. A logit of -Infinity, as a mask makes it, is a class of probability 0: the loss
 * is Infinity where it is expected, and is that of the other classes elsewhere. A logit of +Infinity, as
 * training that has diverged makes it, gives NaN, in loss and gradient, as does an example whose logits are all
 * -Infinity; so do they in PyTorch and TensorFlow. Labels have no gradient.
 *
 * @param labels class numbers, `[batch]` or `[batch, 1]`, int32 or whole numbers in float32; or
 *   probabilities `[batch, classes]`: one-hot, or soft as mixup and cutmix make them. Labels of shape
 *   `[batch, 1]` for a single class are probabilities
 * @param logits `[batch, classes]`, float32
 * @returns a scalar, in nats; NaN for a class number out of range, on backends where reading the labels
 *   would wait for the device (webgl, webgpu)
 * @throws {Error} when the shapes do not fit or an option is out of range; on other backends, when a
 *   class number is out of range
 */
export function softmaxCrossEntropy(
  labels: tf.Tensor,
  logits: tf.Tensor,
  options: CrossEntropyOptions = {},
): tf.Scalar {
  const owner = 'softmaxCrossEntropy';
  disposingTapeOnError(() => checkLossArguments(owner, { labels, logits }, options));
  return softmaxLosses(owner, labels, logits, options, true) as tf.Scalar;
}

/**
 * Mean cross entropy of probabilities that are independent of each other, from logits, as one tape node:
 * with `p = sigmoid(logit)` and `q = (1 - labelSmoothing) * label + labelSmoothing / 2`,
 *
 *     loss = -q * log p - (1 - q) * log(1 - p)
 *
 * averaged over all values. For several classes at once, and for images. Logits may be of any size, infinite
 * ones too: those are the probabilities 0 and 1, whose loss is 0 where they are expected and Infinity
 * otherwise. (PyTorch and TensorFlow give NaN for them where they are expected.) Labels have no gradient.
 *
 * @param labels probabilities `[batch, ...]`, int32, bool or float32
 * @param logits of the same shape, float32
 * @returns a scalar, in nats
 * @throws {Error} when the shapes differ or an option is out of range
 */
export function sigmoidCrossEntropy(
  labels: tf.Tensor,
  logits: tf.Tensor,
  options: CrossEntropyOptions = {},
): tf.Scalar {
  const owner = 'sigmoidCrossEntropy';
  disposingTapeOnError(() => checkLossArguments(owner, { labels, logits }, options));
  return sigmoidLosses(owner, labels, logits, options, true) as tf.Scalar;
}
