/** Where pictures with marked objects come from: what detectors are trained on, one picture at a time. */
import type { PictureObjects } from '../coco/picture_objects';
import type { RgbImage } from '../preprocessing/image';

/** Pictures with marked objects by number; reading any of them twice gives the same. */
export interface ObjectSource {
  /** How many there are; their numbers count from 0. */
  readonly length: number;
  /** The names of the classes, by class. */
  readonly classNames: readonly string[];
  /** What is marked in a picture; there may be nothing. */
  objects(index: number): PictureObjects;
  /** Its name for messages and reports: a path, a file name, a number. */
  name(index: number): string;
  /** Its pixels, 8-bit RGB, upright (an orientation tag is applied). Never tensors. */
  read(index: number): Promise<RgbImage>;
  /** Frees threads and files. What is being read is rejected; reading again opens them again. */
  close(): Promise<void>;
}

/** Asserts pictures with marked objects. */
export function requireObjectSource(
  owner: string,
  source: unknown,
): asserts source is ObjectSource {
  const { length, classNames, objects, name, read } = (source ?? {}) as Partial<ObjectSource>;
  const isSource =
    typeof length === 'number' &&
    Array.isArray(classNames) &&
    [objects, name, read].every((member) => typeof member === 'function');
  if (isSource && length > 0) return;
  throw new Error(
    `${owner}: the data ${isSource ? 'hold no picture' : 'are no pictures with marked objects'}; expected what ` +
      'cocoFolder or cocoSource gives, with one picture at least',
  );
}
