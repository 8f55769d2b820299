/** The objects of the images of a batch that a detector is trained on, and what is refused of them. */
import { requireArgument, requireRanges, shown } from '../common/arguments';
import { boxAt, type ImageSize, requireBoxes, requireCount } from '../ops/detection/box_list';
import type { ObjectMask } from '../ops/detection/masks';

/** The objects of an image of a batch. */
export interface ImageObjects {
  /** Height and width of the image without its padding, in pixels. */
  readonly size: ImageSize;
  /**
   * `x1, y1, x2, y2` of each object in pixels, one after the other: `x1 < x2`, `y1 < y2`, and something of each within
   * the image.
   */
  readonly boxes: ArrayLike<number>;
  /** Number of the class of each, from 0. */
  readonly labels: ArrayLike<number>;
  /** Mask of each, of the height and width of the image (`size`) or of the padded one. */
  readonly masks: readonly ObjectMask[];
}

/**
 * Asserts the objects of an image.
 *
 * @param image its number in the batch
 * @param units number of classes
 * @param padded height and width of the images of the batch
 * @throws {Error} when lists do not fit each other, a box has no width or height, is not finite or lies outside of the
 *   image, a label is no class, or a mask is none of zeros and ones or of another size
 */
export function requireObjects(
  owner: string,
  image: number,
  objects: ImageObjects,
  units: number,
  padded: ImageSize,
): void {
  const { size, boxes, labels, masks } = (objects ?? {}) as ImageObjects;
  const name = `objects[${image}]`;
  const isSize = Array.isArray(size) && size.length === 2;
  requireArgument(owner, `${name}.size`, size, isSize, '[height, width] in pixels');
  requireRanges(
    owner,
    size.map((side, i) => [`${name}.size[${i}]`, side, side > 0, 'above 0'] as const),
  );
  const fits = size[0] <= padded[0] && size[1] <= padded[1];
  requireArgument(owner, `${name}.size`, size, fits, `at most ${padded.join(' x ')}`);
  const count = requireBoxes(owner, `${name}.boxes`, boxes);
  requireCount(owner, `${name}.labels`, labels, count);
  requireCount(owner, `${name}.masks`, masks, count);
  for (let i = 0; i < count; i++) {
    const own = `${owner}: image ${image}, object ${i}:`;
    requireBox(own, boxAt(boxes, i), size);
    const label = labels[i] as number;
    if (!(Number.isInteger(label) && label >= 0 && label < units)) {
      throw new Error(
        `${own} the label is ${shown(label)}; expected the number of a class, an integer from 0 to ${units - 1}`,
      );
    }
    requireMask(own, masks[i], size, padded);
  }
}

function requireBox(
  own: string,
  box: readonly [number, number, number, number],
  [height, width]: ImageSize,
): void {
  const [x1, y1, x2, y2] = box;
  const text = `${own} the box [x1, y1, x2, y2] is ${shown(box)}`;
  if (!(x2 > x1 && y2 > y1)) {
    throw new Error(
      `${text}; expected x1 < x2 and y1 < y2, corners and not [x, y, width, height]; leave objects without area out`,
    );
  }
  if (x1 < width && y1 < height && x2 > 0 && y2 > 0) return;
  throw new Error(
    `${text}, outside of the image of ${height} x ${width} pixels (height x width); leave such objects out`,
  );
}

function requireMask(own: string, mask: unknown, size: ImageSize, padded: ImageSize): void {
  const what = `${own} the mask`;
  const form = '{ height, width, data } with a 0 or 1 for each pixel, row by row';
  const { counts, height, width, data } = (mask ?? {}) as Partial<ObjectMask> & {
    counts?: unknown;
  };
  if (counts !== undefined) {
    throw new Error(
      `${what} is run lengths; expected ${form}: decodeMask makes that of them, and detectionTransform with ` +
        'detectionBatch makes whole batches',
    );
  }
  if (Array.isArray(mask) && mask.every(Array.isArray)) {
    throw new Error(
      `${what} is polygons; expected ${form}: decodeMask(polygonMask(polygons, size))`,
    );
  }
  const isData = Array.isArray(data) || ArrayBuffer.isView(data);
  if (!(Number.isInteger(height) && Number.isInteger(width) && isData)) {
    throw new Error(`${what} is ${shown(mask)}; expected ${form}`);
  }
  const sizes = [size, padded].map((sides) => sides.join(' x '));
  if (!sizes.includes(`${height} x ${width}`)) {
    throw new Error(
      `${what} is of ${height} x ${width} pixels (height x width); expected ${sizes[0]}, as the image` +
        (sizes[0] === sizes[1] ? '' : `, or ${sizes[1]}, as the padded one`),
    );
  }
  const pixels = data as ArrayLike<number>;
  const wanted = (height as number) * (width as number);
  if (pixels.length !== wanted) {
    throw new Error(`${what} has ${pixels.length} values; expected ${wanted}, one for each pixel`);
  }
  for (let i = 0; i < wanted; i++) {
    const value = pixels[i] as number;
    if (value === 0 || value === 1) continue;
    throw new Error(`${what} has the value ${shown(value)} at pixel ${i}; expected 0 or 1`);
  }
}
