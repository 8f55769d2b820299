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

/** A mixed batch; the caller disposes both. No interface, for those are no containers to `tf.dispose`. */
export type MixedBatch<T extends tf.Tensor = tf.Tensor> = {
  /** float32, of the shape that was given. */
  images: T;
  /** Shares of classes, float32 `[batch, classes]`. */
  labels: tf.Tensor2D;
};

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

/** `x` with one box of every image from its partner: copies of slices, without a mask of the whole batch. */
function pasteOne(x: tf.Tensor4D, partner: tf.Tensor4D, box: Box): tf.Tensor4D {
  const { top, bottom, left, right } = box;
  if (top === bottom || left === right) return x;
  const [batch, height, width, channels] = x.shape;
  const part = (of: tf.Tensor4D, y: number, tall: number, from: number, broad: number) =>
    tall * broad > 0 ? [tf.slice(of, [0, y, from, 0], [batch, tall, broad, channels])] : [];
  const join = (parts: tf.Tensor4D[], axis: number) =>
    parts.length === 1 ? (parts[0] as tf.Tensor4D) : tf.concat(parts, axis);
  const tall = bottom - top;
  const middle = join(
    [
      ...part(x, top, tall, 0, left),
      ...part(partner, top, tall, left, right - left),
      ...part(x, top, tall, right, width - right),
    ],
    2,
  );
  const above = part(x, 0, top, 0, width);
  const below = part(x, bottom, height - bottom, 0, width);
  return join([...above, middle, ...below], 1);
}

/** `x` with a box of each image, where it has one, from its partner. */
function pasteEach(
  x: tf.Tensor4D,
  partner: tf.Tensor4D,
  boxes: readonly (Box | null)[],
): tf.Tensor4D {
  const [, height, width, channels] = x.shape;
  // Of the full shape: to broadcast takes some backends longer than all the rest.
  const mask = new Uint8Array(x.size);
  boxes.forEach((box, i) => {
    if (!box) return;
    for (let y = box.top; y < box.bottom; y++) {
      const row = width * (height * i + y);
      mask.fill(1, channels * (row + box.left), channels * (row + box.right));
    }
  });
  return tf.where(tf.tensor4d(mask, x.shape, 'bool'), partner, x);
}

/** `x` with what its boxes take from its partner. */
function paste(x: tf.Tensor, partner: tf.Tensor, boxes: readonly (Box | null)[]): tf.Tensor {
  const [first = null] = boxes;
  const isOne = boxes.every((box) => box === first);
  if (isOne) return first ? pasteOne(x as tf.Tensor4D, partner as tf.Tensor4D, first) : x;
  return pasteEach(x as tf.Tensor4D, partner as tf.Tensor4D, boxes);
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
    const mixed = paste(blended, partner, boxes);
    const shares = mixes.map(({ share }) => share);
    return { images: mixed as T, labels: blend(y, tf.reverse(y, 0), shares) as tf.Tensor2D };
  });
}
