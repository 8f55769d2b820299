/** Published trainings by name. */
import { shown } from '../../common/arguments';
import { byNearness } from '../../common/options';
import {
  CLASSIFICATION,
  type ClassificationRecipe,
  type ClassificationRecipeName,
} from './classification';
import {
  DETECTION,
  type DetectionRecipe,
  type DetectionRecipeName,
  SEGMENTATION,
  type SegmentationRecipe,
  type SegmentationRecipeName,
} from './dense';

/** Name of a published training. */
export type RecipeName = ClassificationRecipeName | SegmentationRecipeName | DetectionRecipeName;

/** The figures of a published training. */
export type Recipe = ClassificationRecipe | SegmentationRecipe | DetectionRecipe;

/**
 * The figures of a published training, by the name of its configuration: `'tiny_1k'`, `'small_1k'`,
 * `'base_1k'`, `'base_22k'`, `'xlarge_22k'`, and, fine-tuned, `'base_384_ft'`, `'large_384_ft'`,
 * `'xlarge_384_ft'` and `'huge_640_ft'` for classification; `'upernet_revcol_...'` for segmentation;
 * `'cmr_...'` for detection. Plain data: nothing is trained, and nothing set.
 *
 * Read off the published repository's configuration files at commit 1680848. Rates of classification
 * are for 1024 images of an update: `scaleRate(recipe.rate, batchSize)`.
 *
 * @example
 * const { rate, epochs, layerDecay, weightDecay } = recipe('base_384_ft');
 * @param name of a configuration
 * @returns a copy, the caller's
 * @throws {Error} when there is none of that name; it lists those that there are
 */
export function recipe(name: ClassificationRecipeName): ClassificationRecipe;
export function recipe(name: SegmentationRecipeName): SegmentationRecipe;
export function recipe(name: DetectionRecipeName): DetectionRecipe;
export function recipe(name: RecipeName): Recipe;
export function recipe(name: RecipeName): Recipe {
  const all: Record<string, Omit<Recipe, 'name'>> = {
    ...CLASSIFICATION,
    ...SEGMENTATION,
    ...DETECTION,
  };
  if (typeof name === 'string' && Object.hasOwn(all, name)) {
    return JSON.parse(JSON.stringify({ ...all[name], name })) as Recipe;
  }
  const names = Object.keys(all);
  const [nearest] = typeof name === 'string' ? byNearness<string>(name, names) : [];
  throw new Error(
    `recipe: there is no recipe ${shown(name)}${nearest ? `; nearest is '${nearest}'` : ''}; there ` +
      `are ${names.join(', ')}`,
  );
}
