/** How pictures are changed before each step. */
import { type SeededRandom, seededRandom } from '../../augmentation/random';
import type { TrainingTransformOptions } from '../../augmentation/training_pixels';
import { requireOneOf } from '../../common/arguments';
import type { ModelInput } from '../../data/model_input';
import { type ImageTransform, pixelTransform } from '../../data/pixel_transform';
import type { RgbImage } from '../../preprocessing/image';

/** How much pictures are changed. */
export type AugmentationStrength = 'none' | 'light' | 'medium' | 'strong';

/** What is done, as `trainingTransform` has it. */
export type AugmentationOptions = Omit<TrainingTransformOptions, 'inputSize' | 'mean' | 'std'>;

/**
 * Makes pixels of the model's size of those of a picture.
 *
 * @param random draws the same for the same picture in the same epoch of a run of the same seed
 * @param inputSize `[height, width]` of the result
 */
export type AugmentationFunction = (
  image: RgbImage,
  random: SeededRandom,
  inputSize: readonly [number, number],
) => RgbImage | Promise<RgbImage>;

/** What `augment` may be. */
export type Augmentation = AugmentationStrength | AugmentationOptions | AugmentationFunction;

const STRENGTHS: readonly AugmentationStrength[] = ['none', 'light', 'medium', 'strong'];

const LOOKS: Readonly<Record<Exclude<AugmentationStrength, 'none'>, AugmentationOptions>> = {
  light: {
    scale: [0.7, 1],
    ratio: [0.85, 1 / 0.85],
    randAugment: null,
    colorJitter: 0,
    erasing: null,
  },
  medium: { scale: [0.35, 1], randAugment: 'rand-m7-mstd0.5-inc1', erasing: null },
  // As published for training from the start.
  strong: {},
};

/** @throws {Error} when it is none of these, or one of its options is unknown or out of range */
export function requireAugmentation(owner: string, augment: Augmentation): void {
  if (typeof augment === 'function') return;
  if (typeof augment === 'object' && augment !== null && !Array.isArray(augment)) {
    pixelTransform({ options: augment, seed: [0] });
    return;
  }
  requireOneOf(owner, 'augment', augment, STRENGTHS);
}

/** Changes a picture in an epoch. */
export type EpochTransform = (epoch: number) => ImageTransform | undefined;

/**
 * Makes the transform of each epoch; undefined where pictures are only fitted.
 *
 * @throws {Error} when the options of the augmentation are unknown or out of range
 */
export function epochTransform(
  augment: Augmentation,
  { inputSize, mean, std }: ModelInput,
  seed: number,
): EpochTransform {
  if (augment === 'none') return () => undefined;
  if (typeof augment === 'function') {
    return (epoch) => (image, index) => augment(image, seededRandom(seed, epoch, index), inputSize);
  }
  const given = typeof augment === 'string' ? LOOKS[augment] : augment;
  // A model that normalises by itself has 0 here, which is no colour to fill corners with.
  const statistics = mean?.some((value) => value !== 0) ? { mean, std } : {};
  const options = { ...given, ...statistics, inputSize };
  const ofEpoch = (epoch: number) => pixelTransform({ options, seed: [seed, epoch] });
  // What is wrong with the options is told now.
  ofEpoch(0);
  return ofEpoch;
}
