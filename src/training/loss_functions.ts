/** The package's losses in the form that `model.compile` takes, with weights, which tfjs has none of. */
import * as tf from '@tensorflow/tfjs-core';

import { requireRanges } from '../common/arguments';
import type { OptionNames } from '../common/options';
import {
  checkLossArguments,
  type CrossEntropyOptions,
  sigmoidLosses,
  softmaxLosses,
} from './cross_entropy';
import { identified, type LossFunction, type LossMaker } from './named_losses';

/** Options of `softmaxCrossEntropyLoss` and `sigmoidCrossEntropyLoss`. */
export interface LossOptions extends CrossEntropyOptions {
  /** Factor of the loss among those of a model's outputs, from 0. Default 1. */
  weight?: number;
}

const OPTIONS: OptionNames<LossOptions> = { labelSmoothing: true, weight: true };

type Losses = typeof softmaxLosses;

function lossOf(name: string, losses: Losses, options: LossOptions): LossFunction {
  const owner = `${name}Loss`;
  checkLossArguments(owner, {}, options, OPTIONS);
  const { weight = 1, labelSmoothing } = options;
  requireRanges(owner, [['weight', weight, weight >= 0, 'from 0']]);
  return identified(name, options, (labels, logits) => {
    checkLossArguments(name, { labels, logits }, {});
    const each = losses(name, labels, logits, { labelSmoothing }, false);
    return weight === 1 ? each : tf.mul(each, weight);
  });
}

/**
 * `softmaxCrossEntropy` for `model.compile`, which a model saved with its optimizer keeps; without
 * options `loss: 'softmaxCrossEntropy'` is the same.
 *
 * `fit` and `trainOnBatch` of tfjs take only labels of the output's shape: `[batch, classes]`, one-hot or
 * soft. Through `fitDataset` class numbers `[batch]` may come as well.
 *
 * @example
 * model.compile({ optimizer: new AdamW(), loss: softmaxCrossEntropyLoss({ labelSmoothing: 0.1 }) });
 * @returns a function of labels and logits to the loss of each example, `[batch]`
 * @throws {Error} when an option is out of range
 */
export function softmaxCrossEntropyLoss(options: LossOptions = {}): LossFunction {
  return lossOf('softmaxCrossEntropy', softmaxLosses, options);
}

/**
 * `sigmoidCrossEntropy` for `model.compile`, which a model saved with its optimizer keeps; without
 * options `loss: 'sigmoidCrossEntropy'` is the same. tfjs's `binaryCrossentropy` takes probabilities, of
 * which sure ones lose their gradient; this takes logits.
 *
 * @returns a function of labels and logits, both `[batch, ...]`, to the loss of each example, `[batch]`
 * @throws {Error} when an option is out of range
 */
export function sigmoidCrossEntropyLoss(options: LossOptions = {}): LossFunction {
  return lossOf('sigmoidCrossEntropy', sigmoidLosses, options);
}

/** What the loss of a decoded image is told. */
export interface ImageLossOptions {
  weight?: number;
  mean?: number | readonly number[];
  std?: number | readonly number[];
}

/** Range to which the intensities of an image to reconstruct are clamped, as published. */
const [DARKEST, BRIGHTEST] = [0.01, 0.99];

/**
 * The loss of a decoded image: sigmoid cross entropy to the image that went in, `[batch]`.
 *
 * @param options.mean what had been subtracted from the image
 * @param options.std what it had been divided by after that
 */
export function imageLoss(options: ImageLossOptions): LossFunction {
  const { weight = 1, mean = 0, std = 1 } = options;
  return identified('imageCrossEntropy', options, (images, logits) =>
    tf.tidy(() => {
      const pixels = tf.cast(images, 'float32');
      const intensities = tf.add(tf.mul(pixels, std as tf.TensorLike), mean as tf.TensorLike);
      const wanted = tf.clipByValue(intensities, DARKEST, BRIGHTEST);
      return tf.mul(sigmoidLosses('compoundLoss', wanted, logits, {}, false), weight);
    }),
  );
}

/** What saved models may name. */
export const LOSSES: readonly (readonly [name: string, maker: LossMaker])[] = [
  ['softmaxCrossEntropy', softmaxCrossEntropyLoss],
  ['sigmoidCrossEntropy', sigmoidCrossEntropyLoss],
  ['imageCrossEntropy', imageLoss],
];
