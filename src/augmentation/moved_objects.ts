/** A picture and its objects that are flipped, resized and cut together, as mmdetection does it. */
import type { PictureObjects } from '../coco/picture_objects';
import { type BinaryMask, readRunLengths, type RunLengths } from '../coco/run_lengths';
import { pixelsOfRuns } from '../coco/runs';
import type { RgbImage } from '../preprocessing/image';
import { fittedSize } from '../preprocessing/rescaled_size';
import type { Region } from '../preprocessing/resize_bicubic';
import { nearestPixels, resizeLinear } from '../preprocessing/resize_linear';
import { flipHorizontally } from './flip_pixels';
import { cut } from './random_resized_crop';

/** What a picture and its objects have become. */
export interface Moved {
  readonly image: RgbImage;
  /** `[objects, 4]`: left, top, right, bottom. */
  readonly boxes: Float32Array;
  readonly crowds: Float32Array;
  /** Which objects of the beginning are left. */
  readonly kept: readonly number[];
  /** Size of the beginning, which masks have until the end. */
  readonly size: readonly [height: number, width: number];
  /** Of each column of the image that of the beginning whose pixel of a mask it has. */
  readonly columns: Int32Array;
  /** The same of each row. */
  readonly rows: Int32Array;
}

export function start(image: RgbImage, { boxes, crowds, labels }: PictureObjects): Moved {
  const { width, height } = image;
  return {
    image,
    boxes: Float32Array.from(boxes),
    crowds: Float32Array.from(crowds),
    kept: Array.from(labels, (_, i) => i),
    size: [height, width],
    columns: Int32Array.from({ length: width }, (_, x) => x),
    rows: Int32Array.from({ length: height }, (_, y) => y),
  };
}

/** Left and right change places. */
export function flip(moved: Moved): Moved {
  const { width } = moved.image;
  const mirrored = (boxes: Float32Array) =>
    boxes.map((value, i) =>
      i % 2 === 1 ? value : width - (boxes[i % 4 === 0 ? i + 2 : i - 2] ?? 0),
    );
  return {
    ...moved,
    image: flipHorizontally(moved.image),
    boxes: mirrored(moved.boxes),
    crowds: mirrored(moved.crowds),
    columns: Int32Array.from(moved.columns).reverse(),
  };
}

/** As large as fits into sides of these lengths, whichever is the longer of the two; the ratio stays. */
export function resize(moved: Moved, shortSide: number, longSide: number): Moved {
  const { width, height } = moved.image;
  const sides = [Math.min(shortSide, longSide), Math.max(shortSide, longSide)] as const;
  const [tall, wide] = fittedSize([height, width], ...sides);
  const [byX, byY] = [Math.fround(wide / width), Math.fround(tall / height)];
  const scaled = (boxes: Float32Array) =>
    clip(
      boxes.map((value, i) => value * (i % 2 === 0 ? byX : byY)),
      wide,
      tall,
    );
  return {
    ...moved,
    image: resizeLinear(moved.image, wide, tall),
    boxes: scaled(moved.boxes),
    crowds: scaled(moved.crowds),
    columns: nearestPixels(width, wide).map((x) => moved.columns[x] as number),
    rows: nearestPixels(height, tall).map((y) => moved.rows[y] as number),
  };
}

/** A part of the picture. Objects of whose boxes nothing is left are left out. */
export function crop(moved: Moved, region: Region): Moved {
  const { left, top, width, height } = region;
  const shifted = (boxes: Float32Array) =>
    clip(
      boxes.map((value, i) => value - (i % 2 === 0 ? left : top)),
      width,
      height,
    );
  return {
    ...moved,
    ...nonEmpty({ ...moved, boxes: shifted(moved.boxes), crowds: shifted(moved.crowds) }),
    image: cut(moved.image, region),
    columns: moved.columns.slice(left, left + width),
    rows: moved.rows.slice(top, top + height),
  };
}

/** Without objects and crowds of whose boxes nothing is left. */
export function nonEmpty(moved: Moved): Moved {
  const { boxes, crowds, kept } = moved;
  const left = (list: Float32Array) =>
    Array.from({ length: list.length / 4 }, (_, i) => i).filter((i) => hasInside(list, i));
  const there = left(boxes);
  return {
    ...moved,
    boxes: rowsOf(boxes, there),
    crowds: rowsOf(crowds, left(crowds)),
    kept: there.map((i) => kept[i] as number),
  };
}

/** The masks of the objects that are left. */
export function movedMasks(moved: Moved, masks: readonly RunLengths[]): BinaryMask[] {
  const { kept, columns, rows, size } = moved;
  const [width, height] = [columns.length, rows.length];
  return kept.map((object) => {
    const name = `mask ${object}`;
    const runs = readRunLengths('detectionTransform', name, masks[object]);
    if (runs.height !== size[0] || runs.width !== size[1]) {
      throw new Error(
        `detectionTransform: ${name} is of ${runs.width} x ${runs.height} pixels; expected ${size[1]} x ` +
          `${size[0]}, as the image`,
      );
    }
    const source = pixelsOfRuns(runs);
    const data = new Uint8Array(width * height);
    for (let y = 0, at = 0; y < height; y++) {
      const row = (rows[y] as number) * size[1];
      for (let x = 0; x < width; x++, at++)
        data[at] = source[row + (columns[x] as number)] as number;
    }
    return { width, height, data };
  });
}

function clip(boxes: Float32Array, width: number, height: number): Float32Array {
  return boxes.map((value, i) => Math.min(Math.max(value, 0), i % 2 === 0 ? width : height));
}

function hasInside(boxes: Float32Array, i: number): boolean {
  const [left, top, right, bottom] = boxes.subarray(4 * i, 4 * i + 4) as unknown as number[];
  return (right as number) > (left as number) && (bottom as number) > (top as number);
}

function rowsOf(boxes: Float32Array, rows: readonly number[]): Float32Array {
  return Float32Array.from(rows.flatMap((i) => Array.from(boxes.subarray(4 * i, 4 * i + 4))));
}
