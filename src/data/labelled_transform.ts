/** The augmentation of labelled pictures as plain data, so that a thread that decodes them can do it. */
import { seededRandom } from '../augmentation/random';
import { type LabelledPixels, segmentationTransform } from '../augmentation/segmentation_transform';
import type { RgbImage } from '../preprocessing/image';
import type { LabelMap } from '../preprocessing/label_map';
import type { LabelledRecipe } from './segmentation_source';

/**
 * Changes pictures and labels as `segmentationTransform`: a pure function of both, the recipe and the number of the
 * example.
 *
 * @throws {Error} when an option is unknown or out of range
 */
export function labelledTransform(
  recipe: LabelledRecipe,
): (image: RgbImage, labels: LabelMap, index: number) => LabelledPixels {
  const transform = segmentationTransform(recipe.options);
  const [seed, ...numbers] = recipe.seed as [number, ...number[]];
  return (image, labels, index) => transform(image, labels, seededRandom(seed, ...numbers, index));
}
