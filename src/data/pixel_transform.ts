/** The augmentation of training pictures as plain data, so that a thread that decodes them can do it. */
import { seededRandom } from '../augmentation/random';
import { randomErasing } from '../augmentation/random_erasing';
import {
  trainingTransform,
  type TrainingTransformOptions,
} from '../augmentation/training_transform';
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
  const { erasing = {}, ...options } = recipe.options;
  const { mean, std } = options;
  const transform = trainingTransform({ ...options, erasing });
  const change = (image: RgbImage, index: number): RgbImage => {
    const random = seededRandom(...(recipe.seed as [number, ...number[]]), index);
    const pixels = transform.pixels(image, random.split(0));
    if (erasing === null) return pixels;
    const statistics = { ...(mean && { mean }), ...(std && { std }) };
    return randomErasing(pixels, { ...erasing, ...statistics, seed: random.split(1) });
  };
  return Object.assign(change, { recipe });
}
