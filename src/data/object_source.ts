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
