/** Where labelled pictures come from: what is trained on and evaluated, one example at a time. */
import { requireArgument } from '../common/arguments';
import type { PreprocessOptions } from '../preprocessing/fit_image';
import type { RgbImage } from '../preprocessing/image';
import type { TransformRecipe } from './pixel_transform';

/** Labelled pictures by number; reading any of them twice gives the same. */
export interface ExampleSource {
  /** How many there are; their numbers count from 0. */
  readonly length: number;
  /** The names of the classes, by class. */
  readonly classNames: readonly string[];
  /** Class of an example, from 0. */
  label(index: number): number;
  /** Its name for messages and reports: a path, a file name, a number. */
  name(index: number): string;
  /** Its pixels, 8-bit RGB, upright (an orientation tag is applied). Never tensors. */
  read(index: number): Promise<RgbImage>;
  /**
   * `fitImage` of what `read` gives, computed where the picture is decoded. A source has it that decodes in
   * threads of its own, so that the size of a camera's pictures does not reach the thread that trains.
   */
  readFitted?(index: number, options: PreprocessOptions): Promise<RgbImage>;
  /**
   * `pixelTransform(recipe)` of what `read` gives, computed where the picture is decoded; as `readFitted`.
   */
  readTransformed?(index: number, recipe: TransformRecipe): Promise<RgbImage>;
  /** Frees threads and files. What is being read is rejected; reading again opens them again. */
  close(): Promise<void>;
}

/** An example that could not be read, and why. */
export interface SkippedExample {
  readonly index: number;
  readonly name: string;
  readonly message: string;
}

/**
 * Asserts that not all examples were left out because they cannot be read.
 *
 * @param count how many were read
 * @throws {Error} when none was, with the first that was left out
 */
export function requireSomeRead(
  owner: string,
  count: number,
  skipped: readonly SkippedExample[],
): void {
  const [first] = skipped;
  if (count > 0 || !first) return;
  throw new Error(
    `${owner}: none of ${skipped.length} examples can be read; the first is ${first.name}: ` +
      first.message,
  );
}

/** Whether something is a source of examples. */
export function isExampleSource(value: unknown): value is ExampleSource {
  const { length, classNames, label, read } = (value ?? {}) as Partial<ExampleSource>;
  return (
    typeof length === 'number' &&
    Array.isArray(classNames) &&
    typeof label === 'function' &&
    typeof read === 'function'
  );
}

/**
 * Asserts the number of an example.
 *
 * @throws {Error} when there is none of that number
 */
export function requireExample(owner: string, index: unknown, length: number): void {
  const fits = Number.isInteger(index) && (index as number) >= 0 && (index as number) < length;
  requireArgument(owner, 'index', index, fits, `the number of an example, from 0 to ${length - 1}`);
}
