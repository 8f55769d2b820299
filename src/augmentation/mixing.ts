/** What mixup and cutmix share: how much of which image, and the mixing itself. */
import * as tf from '@tensorflow/tfjs-core';

import { requireOneOf } from '../common/arguments';
import { requireProbability } from './checks';
import { randomOf, type Seed, type SeededRandom } from './random';
import { type LabelOptions, type Labels, requireLabels, softLabels } from './soft_labels';

/** Options of `mixup`, `cutmix` and `mixupOrCutmix`. */
export interface MixingOptions extends LabelOptions {
  /** Probability that a batch, pair or image is mixed. Default 1. */
  probability?: number;
  /**
   * What shares one draw: the whole batch, a pair of images that are mixed with each other, or an image
   * (`'elem'`). Default `'batch'`.
   */
  mode?: 'batch' | 'pair' | 'elem';
  /** An integer, or a generator that is drawn from. Default: another result each time. */
  seed?: Seed;
}

/** The names of these options. */
export const MIXING_OPTIONS = {
  numClasses: true,
  labelSmoothing: true,
  probability: true,
  mode: true,
  seed: true,
} as const;

/** A mixed batch; the caller disposes both. */
export interface MixedBatch<T extends tf.Tensor = tf.Tensor> {
  /** float32, of the shape that was given. */
  images: T;
  /** Shares of classes, float32 `[batch, classes]`. */
  labels: tf.Tensor2D;
}

/** A rectangle: from row `top` to before `bottom`, from column `left` to before `right`. */
export interface Box {
  top: number;
  bottom: number;
  left: number;
  right: number;
}

/** How an image is mixed with its partner. */
export interface Mix {
  /** Share of the image itself, also of its label. */
  share: number;
  /** What comes from the partner, as it is; null: both are blended. */
  box: Box | null;
}

const UNMIXED: Mix = { share: 1, box: null };

/** One mix each for a batch of `batch` images, by the mode; partner of image i is image `batch - 1 - i`. */
function drawMixes(
  batch: number,
  { probability, mode }: Required<Pick<MixingOptions, 'probability' | 'mode'>>,
  draw: (random: SeededRandom) => Mix,
  random: SeededRandom,
): Mix[] {
  const one = () => (random.uniform() < probability ? draw(random) : UNMIXED);
  if (mode === 'batch') return Array<Mix>(batch).fill(one());
  if (mode === 'elem') return Array.from({ length: batch }, one);
  const half = Array.from({ length: Math.floor(batch / 2) }, one);
  // An odd batch has one in the middle that is nobody's partner.
  return [...half, ...(batch % 2 ? [UNMIXED] : []), ...half.slice().reverse()];
}

/** A column of one number for each image, for tensors of a rank; one number where they are all the same. */
function perImage(values: readonly number[], rank: number): tf.Tensor {
  const isOne = values.every((value) => value === values[0]);
  const numbers = isOne ? values.slice(0, 1) : [...values];
  return tf.tensor(numbers, [numbers.length, ...Array<number>(rank - 1).fill(1)]);
}

/** `x * share + partner * (1 - share)`. */
function blend(x: tf.Tensor, partner: tf.Tensor, shares: readonly number[]): tf.Tensor {
  if (shares.every((share) => share === 1)) return x;
  const rest = shares.map((share) => 1 - Math.fround(share));
  return tf.add(tf.mul(x, perImage(shares, x.rank)), tf.mul(partner, perImage(rest, x.rank)));
}

/** 1 inside of boxes, bool `[batch or 1, height, width, 1]`. */
function insideOf(boxes: readonly (Box | null)[], height: number, width: number): tf.Tensor {
  const isOne = boxes.every((box) => box === boxes[0]);
  const list = isOne ? boxes.slice(0, 1) : boxes;
  const mask = new Uint8Array(list.length * height * width);
  list.forEach((box, i) => {
    if (!box) return;
    for (let y = box.top; y < box.bottom; y++) {
      const row = width * (height * i + y);
      mask.fill(1, row + box.left, row + box.right);
    }
  });
  return tf.tensor4d(mask, [list.length, height, width, 1], 'bool');
}

/** What there is to check and to draw of a mixing. */
interface Mixing<T extends tf.Tensor> {
  owner: string;
  images: T;
  labels: Labels;
  options: MixingOptions;
  draw: (random: SeededRandom) => Mix;
}

/**
 * Mixes a batch with itself in reverse order.
 *
 * @throws {Error} when an argument or option does not fit
 */
export function mixBatch<T extends tf.Tensor>(mixing: Mixing<T>): MixedBatch<T> {
  const { owner, images, labels, options, draw } = mixing;
  const { probability = 1, mode = 'batch', labelSmoothing = 0, seed } = options;
  requireProbability(owner, 'probability', probability);
  requireOneOf(owner, 'mode', mode, ['batch', 'pair', 'elem']);
  const shape = images.shape;
  const classes = requireLabels(owner, labels, shape[0] as number, options);
  const mixes = drawMixes(shape[0] as number, { probability, mode }, draw, randomOf(owner, seed));
  return tf.tidy(() => {
    const x = tf.cast(images, 'float32');
    const y = softLabels(labels, classes, labelSmoothing);
    const partner = tf.reverse(x, 0);
    const boxes = mixes.map(({ box }) => box);
    const blended = blend(
      x,
      partner,
      mixes.map(({ share, box }) => (box ? 1 : share)),
    );
    const [, height, width] = shape as [number, number, number];
    const isPasted = boxes.some((box) => box !== null);
    const mixed = isPasted ? tf.where(insideOf(boxes, height, width), partner, blended) : blended;
    const shares = mixes.map(({ share }) => share);
    return { images: mixed as T, labels: blend(y, tf.reverse(y, 0), shares) as tf.Tensor2D };
  });
}
