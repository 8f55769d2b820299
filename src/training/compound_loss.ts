/** The loss of intermediate supervision: classifiers and image decoders of middle columns. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import {
  requireArgument,
  requireModel,
  requireRanges,
  requireRate,
  show,
} from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import { disposingTapeOnError } from '../ops/engine/engine';
import { toProbabilities } from './cross_entropy';
import { imageLoss, softmaxCrossEntropyLoss } from './loss_functions';
import type { LossFunction } from './named_losses';

const OWNER = 'compoundLoss';

/** Options of `compoundLoss`. */
export interface CompoundLossOptions {
  /** Weight of the image decoders, from 0. Default 3, as in the published configurations. */
  imageWeight?: number;
  /** Weight of the middle classifiers, from 0. Default 0.7, as in the published configurations. */
  classWeight?: number;
  /** Share of the target probability that is spread over all classes, in [0, 1). Default 0. */
  labelSmoothing?: number;
  /**
   * What had been subtracted from the images that are given as `images`, one number or one per channel:
   * with `mean` and `std` of `preprocess` the model's own inputs can be given. Default 0.
   */
  mean?: number | readonly number[];
  /**
   * What they had been divided by after that, so that `image * std + mean` is in 0..1: 1/255 for 8-bit
   * pixels as they are. Default 1.
   */
  std?: number | readonly number[];
}

const OPTIONS: OptionNames<CompoundLossOptions> = {
  imageWeight: true,
  classWeight: true,
  labelSmoothing: true,
  mean: true,
  std: true,
};

/** The compound loss: a function for `trainingStep`, and what `model.fit` needs. */
export interface CompoundLoss {
  /**
   * @param outputs those of the model: classifiers' logits `[batch, classes]` and decoded images
   *   `[batch, height, width, channels]`, each in the order of the columns, one classifier more than
   *   images; or the logits alone
   * @param labels class numbers `[batch]`, or probabilities `[batch, classes]`
   * @param images what went in, `[batch, height, width, channels]`; may be left out where no output is
   *   an image
   * @returns a scalar
   * @throws {Error} when the outputs are others, or shapes do not fit
   */
  (outputs: tf.Tensor | readonly tf.Tensor[], labels: tf.Tensor, images?: tf.Tensor): tf.Scalar;
  /**
   * Losses for `model.compile`, one for each output of the model, with their weights in them. Their sum
   * is the compound loss. They are kept in a model that is saved with its optimizer.
   *
   * @throws {Error} when the model's outputs are others
   */
  perOutput(model: tfl.LayersModel): LossFunction[];
  /**
   * Targets for `model.fit` or a dataset, one for each output of the model: the labels once per
   * classifier and the images once per decoder. These are the tensors that are given, except that class
   * numbers become one-hot, since `fit` takes no others: that tensor is the caller's, too.
   *
   * @throws {Error} when the model's outputs are others, or the labels' shape does not fit
   */
  targets(model: tfl.LayersModel, labels: tf.Tensor, images: tf.Tensor): tf.Tensor[];
}

/**
 * The loss of a model with intermediate supervision (paper section 2.3; the weights are those of the
 * published code): with images decoded after the first `n` of the supervised columns, of `heads = n + 1`,
 *
 *     sum over i < n of  imageWeight * (1 - i / n) * BCE(image i, clamp(pixels, .01, .99))
 *                      + classWeight * (i + 1) / heads * CE(logits i, labels)
 *     + CE(last logits, labels)
 *
 * where BCE is the mean over all pixels and channels, and CE that over the batch. Of a model with one
 * classifier and no decoder it is cross entropy.
 *
 * @example
 * const model = createModel('revcol_tiny', { intermediateSupervision: true, numClasses: 10 });
 * const loss = compoundLoss({ labelSmoothing: 0.1, mean: IMAGENET_MEAN, std: IMAGENET_STD });
 *
 * // by hand
 * trainingStep(model, optimizer, x, (outputs) => loss(outputs, labels, x));
 *
 * // or by fit
 * model.compile({ optimizer, loss: loss.perOutput(model) });
 * await model.fit(x, loss.targets(model, oneHotLabels, x));
 * @throws {Error} when an option is out of range
 */
export function compoundLoss(options: CompoundLossOptions = {}): CompoundLoss {
  requireOptions(OWNER, options, OPTIONS);
  const { imageWeight = 3, classWeight = 0.7, labelSmoothing = 0, mean, std } = options;
  requireRanges(OWNER, [
    ['imageWeight', imageWeight, imageWeight >= 0, 'from 0'],
    ['classWeight', classWeight, classWeight >= 0, 'from 0'],
  ]);
  requireRate(OWNER, 'labelSmoothing', labelSmoothing);
  requireStatistic('mean', mean, () => true, 'a number, or one per channel');
  requireStatistic('std', std, (x) => x > 0, 'a number above 0, or one per channel');

  const lossesFor = (ranks: readonly number[]): LossFunction[] => {
    const middle = ranks.filter((rank) => rank === 4).length;
    const heads = ranks.length - middle;
    let [image, head] = [0, 0];
    return ranks.map((rank) => {
      if (rank === 4) {
        const weight = imageWeight * (1 - image++ / middle);
        return imageLoss({ weight, mean, std });
      }
      head++;
      const weight = head === heads ? undefined : (classWeight * head) / heads;
      return softmaxCrossEntropyLoss({ labelSmoothing: labelSmoothing || undefined, weight });
    });
  };

  const loss = (
    outputs: tf.Tensor | readonly tf.Tensor[],
    labels: tf.Tensor,
    images?: tf.Tensor,
  ): tf.Scalar => {
    const list = disposingTapeOnError(() => checkedOutputs(outputs, labels, images));
    const losses = lossesFor(list.map(({ rank }) => rank));
    return tf.tidy(() => {
      const each = list.map((output, i) => {
        const target = output.rank === 4 ? (images as tf.Tensor) : labels;
        return tf.mean((losses[i] as LossFunction)(target, output));
      });
      return each.reduce((sum, one) => tf.add(sum, one)) as tf.Scalar;
    });
  };
  return Object.assign(loss, {
    perOutput: (model: tfl.LayersModel) => lossesFor(ranksOf(model)),
    targets: (model: tfl.LayersModel, labels: tf.Tensor, images: tf.Tensor) =>
      targetsFor(model, labels, images),
  });
}

function requireStatistic(
  name: string,
  value: number | readonly number[] | undefined,
  fits: (x: number) => boolean,
  expected: string,
): void {
  if (value === undefined) return;
  const numbers: readonly unknown[] = Array.isArray(value) ? (value as unknown[]) : [value];
  const good = numbers.every((x) => typeof x === 'number' && Number.isFinite(x) && fits(x));
  requireArgument(OWNER, name, value, numbers.length > 0 && good, expected);
}

/** Asserts logits, and one image fewer than there are of these or none. */
function requireRanks(ranks: readonly number[], shapes: () => string): void {
  const images = ranks.filter((rank) => rank === 4).length;
  const heads = ranks.filter((rank) => rank === 2).length;
  const known = images + heads === ranks.length;
  if (known && heads >= 1 && (images === 0 ? heads === 1 : images === heads - 1)) return;
  throw new Error(
    `${OWNER}: the outputs have the shapes ${shapes()}; expected logits [batch, classes], and images ` +
      `[batch, height, width, channels] of all columns but the last, as createModel with ` +
      `intermediateSupervision gives them`,
  );
}

function ranksOf(model: tfl.LayersModel): number[] {
  requireModel(OWNER, model);
  const { outputs } = model;
  const ranks = outputs.map(({ shape }) => shape.length);
  requireRanks(ranks, () => outputs.map(({ shape }) => show(shape)).join(', '));
  return ranks;
}

function checkedOutputs(
  outputs: tf.Tensor | readonly tf.Tensor[],
  labels: tf.Tensor,
  images: tf.Tensor | undefined,
): tf.Tensor[] {
  const list = (Array.isArray(outputs) ? outputs : [outputs]) as tf.Tensor[];
  const isTensor = (x: unknown) => x instanceof tf.Tensor;
  const expected = 'the outputs of the model, tensors';
  requireArgument(OWNER, 'outputs', outputs, list.length > 0 && list.every(isTensor), expected);
  requireArgument(OWNER, 'labels', labels, isTensor(labels), 'a tensor');
  requireRanks(
    list.map(({ rank }) => rank),
    () => list.map(({ shape }) => show(shape)).join(', '),
  );
  const needed = list.some(({ rank }) => rank === 4);
  requireArgument(OWNER, 'images', images, isTensor(images) || !needed, 'the images that went in');
  return list;
}

function targetsFor(model: tfl.LayersModel, labels: tf.Tensor, images: tf.Tensor): tf.Tensor[] {
  const ranks = ranksOf(model);
  const isTensor = (x: unknown) => x instanceof tf.Tensor;
  requireArgument(OWNER, 'labels', labels, isTensor(labels), 'a tensor');
  const decodes = ranks.includes(4);
  requireArgument(OWNER, 'images', images, isTensor(images) || !decodes, 'the images that went in');
  const classes = model.outputs[ranks.indexOf(2)]?.shape[1] as number;
  const hasProbabilities = labels.rank === 2 && labels.shape[1] === classes;
  const probabilities = hasProbabilities
    ? labels
    : tf.tidy(() => toProbabilities(OWNER, labels, tf.zeros([labels.shape[0] ?? 0, classes])));
  return ranks.map((rank) => (rank === 4 ? images : probabilities));
}
