/** The loss of segmenters, and how many pixels they get right. */
import * as tf from '@tensorflow/tfjs-core';

import { requireArgument, requireInteger, requireRanges, show, shown } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import { requireClasses } from '../ops/class_ids';
import { addScaled } from '../ops/dense/joins';
import { pixelCrossEntropy } from '../ops/dense/pixel_cross_entropy';
import { resizeForward } from '../ops/dense/resize';
import { disposingTapeOnError } from '../ops/engine/engine';

/** Options of `segmentationLoss`. */
export interface SegmentationLossOptions {
  /** Label of pixels that do not count. Default 255. */
  ignoreLabel?: number;
  /** By how much the loss of the auxiliary head counts, 0 or more. Default 0.4, as published. */
  auxiliaryWeight?: number;
}

const OPTIONS: OptionNames<SegmentationLossOptions> = { ignoreLabel: true, auxiliaryWeight: true };

/** Asserts labels and logits that fit each other. */
function checkMaps(owner: string, labels: tf.Tensor, logits: tf.Tensor, ignored: number): void {
  for (const [name, x] of Object.entries({ labels, logits })) {
    requireArgument(owner, name, x, (x as unknown) instanceof tf.Tensor, 'a tensor');
  }
  requireInteger(owner, 'ignoreLabel', ignored, Number.MIN_SAFE_INTEGER);
  const fits = logits.rank === 4 && labels.rank === 3 && logits.shape[0] === labels.shape[0];
  if (!fits || [...logits.shape, ...labels.shape].includes(0)) {
    throw new Error(
      `${owner}: labels of shape ${show(labels.shape)} for logits of shape ${show(logits.shape)}; ` +
        `expected [batch, height, width] and [batch, h, w, classes]`,
    );
  }
  const classes = logits.shape[3] as number;
  requireClasses(owner, 'a label', labels, classes, { option: 'ignoreLabel', id: ignored });
}

/**
 * Loss of a segmenter, as mmsegmentation has it: logits are resized to the labels (bilinear), the cross
 * entropy of every pixel is taken, and the mean over **all** pixels, where those that are ignored count
 * as 0. With the logits of an auxiliary head it is added with its weight.
 *
 * The logits are resized one image at a time, and again for the gradient, so that only those of their
 * own size are kept.
 *
 * @param labels class of each pixel, `[batch, height, width]`, whole numbers (int32 or float32), each in
 *   [0, classes) or `ignoreLabel`
 * @param logits `[batch, h, w, classes]`, float32, of any size; or those and the auxiliary head's
 * @returns a scalar, in nats; NaN for a label that is no class, on backends where reading the labels
 *   would wait for the device (webgl, webgpu)
 * @throws {Error} when the shapes do not fit or an option is out of range; on other backends, when a
 *   label is no class
 *
 * @example
 * const loss = () =>
 *   segmentationLoss(labels, model.apply(images, { training: true }) as tf.Tensor | tf.Tensor[]);
 */
export function segmentationLoss(
  labels: tf.Tensor,
  logits: tf.Tensor | readonly tf.Tensor[],
  options: SegmentationLossOptions = {},
): tf.Scalar {
  const owner = 'segmentationLoss';
  const [list, ignored, weight] = disposingTapeOnError(() => {
    requireOptions(owner, options, OPTIONS);
    const { ignoreLabel = 255, auxiliaryWeight = 0.4 } = options;
    const given = Array.isArray(logits) ? (logits as readonly tf.Tensor[]) : [logits as tf.Tensor];
    if (given.length < 1 || given.length > 2) {
      throw new Error(
        `${owner}: ${given.length} tensors of logits given; expected one, or the decode head's and the ` +
          `auxiliary head's`,
      );
    }
    for (const x of given) checkMaps(owner, labels, x, ignoreLabel);
    requireRanges(owner, [
      ['auxiliaryWeight', auxiliaryWeight, auxiliaryWeight >= 0, 'of at least 0'],
    ]);
    return [given, ignoreLabel, auxiliaryWeight] as const;
  });
  return tf.tidy(() => {
    const classes = tf.cast(labels, 'int32');
    const losses = list.map((x) => pixelCrossEntropy(x, classes, ignored));
    const [main, auxiliary] = losses as [tf.Scalar, tf.Scalar?];
    return auxiliary ? (addScaled(main, auxiliary, weight) as tf.Scalar) : main;
  });
}

/**
 * Share of the pixels whose largest logit is that of their class, in per cent, as mmsegmentation's
 * `acc_seg`: of the pixels that are not ignored. Has no gradient.
 *
 * @param labels as for `segmentationLoss`
 * @param logits `[batch, h, w, classes]`, float32, of any size
 * @returns a scalar from 0 to 100; 100 where every pixel is ignored
 * @throws {Error} as `segmentationLoss`
 */
export function pixelAccuracy(
  labels: tf.Tensor,
  logits: tf.Tensor,
  options: Pick<SegmentationLossOptions, 'ignoreLabel'> = {},
): tf.Scalar {
  const owner = 'pixelAccuracy';
  requireOptions(owner, options, { ignoreLabel: true });
  const { ignoreLabel = 255 } = options;
  if (Array.isArray(logits)) {
    throw new Error(`${owner}: logits is ${shown(logits)}; expected the decode head's alone`);
  }
  checkMaps(owner, labels, logits, ignoreLabel);
  return tf.tidy(() => {
    const classes = tf.cast(labels, 'int32');
    const [batch, height, width] = labels.shape as [number, number, number];
    const counted = tf.notEqual(classes, tf.scalar(ignoreLabel, 'int32'));
    const hits = Array.from({ length: batch }, (_, i) =>
      tf.tidy(() => {
        const [, h, w, c] = logits.shape as [number, number, number, number];
        const one = resizeForward(tf.slice(logits, [i, 0, 0, 0], [1, h, w, c]), [height, width]);
        const own = tf.slice(classes, [i, 0, 0], [1, height, width]);
        const right = tf.logicalAnd(
          tf.equal(tf.argMax(one, 3), own),
          tf.slice(counted, [i, 0, 0], [1, height, width]),
        );
        return tf.sum(tf.cast(right, 'float32'));
      }),
    );
    const total = tf.sum(tf.cast(counted, 'float32'));
    return tf.mul(tf.div(tf.add(tf.addN(hits), 1e-6), tf.add(total, 1e-6)), 100);
  });
}
