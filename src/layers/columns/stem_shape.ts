/** What a backbone's stem makes of an input shape, checked. */
import type * as tfl from '@tensorflow/tfjs-layers';

import { show } from '../../common/arguments';

/** What the shape depends on. */
interface StemUse {
  stem: tfl.layers.Layer;
  /** Whether stem and blocks are the built-in ones, which take images. */
  takesImages: boolean;
}

/**
 * Shape of the stem's output.
 *
 * @throws {Error} when the input is several tensors, has no channels, or is no image where it must be
 */
export function stemShape(
  owner: string,
  inputShape: tfl.Shape | tfl.Shape[],
  { stem, takesImages }: StemUse,
): tfl.Shape {
  if (Array.isArray(inputShape[0])) {
    throw new Error(
      `${owner}: ${inputShape.length} inputs given; expected one tensor. For the columns alone ` +
        `use ReversibleColumn`,
    );
  }
  const shape = inputShape as tfl.Shape;
  if (shape.length < 2) {
    throw new Error(`${owner}: inputShape ${show(shape.slice(1))}; expected [..., channels]`);
  }
  if (takesImages && shape.length !== 4) {
    throw new Error(
      `${owner}: inputShape ${show(shape.slice(1))} is not an image [height, width, channels], which ` +
        `the built-in block needs; give a 'block' that keeps the shape of such inputs`,
    );
  }
  return stem.computeOutputShape(shape) as tfl.Shape;
}
