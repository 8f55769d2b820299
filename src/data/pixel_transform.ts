/** The augmentation of training pictures as plain data, so that a thread that decodes them can do it. */
import { eraseBytes } from '../augmentation/erase_bytes';
import { checkErasing } from '../augmentation/erase_values';
import { seededRandom } from '../augmentation/random';
import { trainingPixels, type TrainingTransformOptions } from '../augmentation/training_pixels';
import type { RgbImage } from '../preprocessing/image';

/** What is done with the pictures of an epoch. */
export interface TransformRecipe {
  /** `mean` and `std` give what is erased or beyond an edge its colour. */
  readonly options: TrainingTransformOptions;
  /** The numbers that name the randomness of the epoch, such as seed and epoch. */
  readonly seed: readonly number[];
}

/** Makes the pixels that a model gets of those of a picture, such as an augmentation. */
export interface ImageTransform {
  (image: RgbImage, index: number): RgbImage | Promise<RgbImage>;
  /** The same as plain data: a source that decodes in threads of its own does it there. */
  readonly recipe?: TransformRecipe;
}

/**
 * Augments pictures as `trainingTransform`, on bytes: a pure function of the picture, the recipe and the
 * number of the example.
 *
 * @throws {Error} when an option is unknown or out of range
 */
export function pixelTransform(recipe: TransformRecipe): ImageTransform {
  const { mean, std, pixels } = trainingPixels(recipe.options);
  const { erasing = {} } = recipe.options;
  const checked = erasing && checkErasing('pixelTransform', erasing);
  const change = (image: RgbImage, index: number): RgbImage => {
    const random = seededRandom(...(recipe.seed as [number, ...number[]]), index);
    const changed = pixels(image, random.split(0));
    return checked ? eraseBytes(changed, checked, mean, std, random.split(1)) : changed;
  };
  return Object.assign(change, { recipe });
}
