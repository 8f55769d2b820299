/** The published augmentation of pictures with objects: flips, several sizes, crops. Without tensors. */
import { type PictureObjects, requireCorners, requireMarked } from '../coco/picture_objects';
import type { BinaryMask } from '../coco/run_lengths';
import { requireArgument, requireInteger, requireList } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import { type PixelImage, type RgbImage, toRgb } from '../preprocessing/image';
import { requireProbability } from './checks';
import { crop, flip, type Moved, movedMasks, nonEmpty, resize, start } from './moved_objects';
import { ownPixels } from './pixels';
import { randomOf, type Seed, type SeededRandom } from './random';

/** Options of `detectionTransform`. */
export interface DetectionTransformOptions {
  /** Lengths of the shorter side in pixels, of which one is drawn. Default 480, 512, ... 800. */
  shortSides?: readonly number[];
  /** Most pixels of the longer side, to which the shorter one then gives way. Default 1333. */
  longSide?: number;
  /** Probability that left and right change places. Default 0.5. */
  flip?: number;
  /** The crops; null: none. Default: those of the published recipe. */
  crop?: DetectionCrop | null;
}

/** Crops before a picture is resized: it is resized once, a part is cut out, which is resized again. */
export interface DetectionCrop {
  /** Probability. Default 0.5. */
  probability?: number;
  /** Lengths of the shorter side before, of which one is drawn. Default 400, 500, 600. */
  shortSides?: readonly number[];
  /** Least and greatest height and width of what is cut out, in pixels. Default `[384, 600]`. */
  sides?: readonly [least: number, most: number];
}

const OPTIONS: OptionNames<DetectionTransformOptions> = {
  shortSides: true,
  longSide: true,
  flip: true,
  crop: true,
};
const CROP_OPTIONS: OptionNames<DetectionCrop> = {
  probability: true,
  shortSides: true,
  sides: true,
};

/** A picture with its objects as a detector is trained on it. */
export interface DetectionExample {
  readonly image: RgbImage;
  /** Height and width of the image in pixels. */
  readonly size: readonly [height: number, width: number];
  /** `[objects, 4]` row by row: left, top, right, bottom in pixels of the image, within it. */
  readonly boxes: Float32Array;
  /** Class of each. */
  readonly labels: Int32Array;
  /** Mask of each, of the size of the image; undefined where there were none. */
  readonly masks?: readonly BinaryMask[];
  /** Boxes around crowds, as `boxes`. */
  readonly crowds: Float32Array;
}

/** Changes a picture and its objects together: a pure function of these and the seed. */
export type DetectionTransform = (
  image: PixelImage,
  objects: PictureObjects,
  seed?: Seed,
) => DetectionExample;

/** Which draws are whose: what one step draws moves no other's. */
const STREAMS = { flip: 0, crop: 1, size: 2 } as const;

const OWNER = 'detectionTransform';

/**
 * The augmentation of the published Cascade Mask R-CNN, step by step as mmdetection: `RandomFlip`, then either
 * `Resize` to one of several sizes, or `Resize`, `RandomCrop` (`absolute_range`) and `Resize`. Pictures are
 * resized bilinearly as OpenCV does it, to the byte; masks by the nearest pixel; boxes are scaled and clipped
 * to the image. An object of whose box that or a crop leaves nothing is left out; there may be no object left. Padding
 * and normalising come after it.
 *
 * Give null for `crop`, one of `shortSides` and a `flip` of 0 for what evaluation does.
 *
 * @throws {Error} when an option is unknown or out of range. The transform throws when objects do not fit the image or
 *   each other, or a given box is not finite or not left < right and top < bottom
 *
 * @example
 * const transform = detectionTransform();
 * const seed = seededRandom(1, epoch, index);
 * const { image, boxes, masks } = transform(await source.read(index), source.objects(index), seed);
 */
export function detectionTransform(options: DetectionTransformOptions = {}): DetectionTransform {
  requireOptions(OWNER, options, OPTIONS);
  const { shortSides = every32(480, 800), longSide = 1333, flip: mirrored = 0.5 } = options;
  requireLengths('shortSides', shortSides);
  requireInteger(OWNER, 'longSide', longSide, 1);
  requireProbability(OWNER, 'flip', mirrored);
  const cropped = options.crop === null ? undefined : checkCrop(options.crop ?? {});
  return (image, objects, seed) => {
    const rgb = toRgb(image);
    requireObjects(rgb, objects);
    requireCorners(OWNER, objects);
    const random = randomOf(OWNER, seed);
    let moved = start(rgb, objects);
    if (random.split(STREAMS.flip).uniform() < mirrored) moved = flip(moved);
    if (cropped) moved = maybeCrop(moved, cropped, longSide, random.split(STREAMS.crop));
    moved = resize(moved, oneOf(shortSides, random.split(STREAMS.size)), longSide);
    // What reaches into the picture by less than float32 can tell: no training takes a box without area.
    moved = nonEmpty(moved);
    const { kept, boxes, crowds } = moved;
    const example = {
      image: ownPixels(moved.image, image),
      size: [moved.image.height, moved.image.width] as const,
      boxes,
      labels: Int32Array.from(kept, (object) => objects.labels[object] as number),
      crowds,
    };
    return objects.masks ? { ...example, masks: movedMasks(moved, objects.masks) } : example;
  };
}

/** `RandomCrop` with `absolute_range`: height and width are drawn on their own. */
function maybeCrop(
  moved: Moved,
  { probability, shortSides, sides: [least, most] }: Required<DetectionCrop>,
  longSide: number,
  random: SeededRandom,
): Moved {
  if (random.uniform() >= probability) return moved;
  const resized = resize(moved, oneOf(shortSides, random), longSide);
  const draw = (side: number) => {
    const [low, high] = [Math.min(side, least), Math.min(side, most)];
    return low + random.integer(high - low + 1);
  };
  const height = draw(resized.image.height);
  const width = draw(resized.image.width);
  const top = random.integer(resized.image.height - height + 1);
  const left = random.integer(resized.image.width - width + 1);
  return crop(resized, { left, top, width, height });
}

function oneOf(list: readonly number[], random: SeededRandom): number {
  return list[random.integer(list.length)] as number;
}

function every32(least: number, most: number): number[] {
  return Array.from({ length: (most - least) / 32 + 1 }, (_, i) => least + 32 * i);
}

function checkCrop(given: DetectionCrop): Required<DetectionCrop> {
  requireOptions(`${OWNER}: crop`, given, CROP_OPTIONS);
  const { probability = 0.5, shortSides = [400, 500, 600], sides = [384, 600] } = given;
  requireProbability(`${OWNER}: crop`, 'probability', probability);
  requireLengths('the shortSides of crop', shortSides);
  requireLengths('the sides of crop', sides);
  const fits = sides.length === 2 && sides[0] <= sides[1];
  requireArgument(OWNER, 'the sides of crop', sides, fits, '[least, greatest] in pixels');
  return { probability, shortSides, sides };
}

function requireLengths(name: string, lengths: unknown): void {
  requireList(OWNER, name, lengths, 'lengths in pixels');
  const list = lengths as unknown[];
  requireArgument(OWNER, name, lengths, list.length > 0, 'one length or more');
  for (const length of list) requireInteger(OWNER, name, length, 1);
}

function requireObjects({ width, height }: RgbImage, objects: PictureObjects): void {
  requireMarked(OWNER, objects);
  const { crowds, masks } = objects;
  const areBoxes = ArrayBuffer.isView(crowds) || Array.isArray(crowds);
  requireArgument(OWNER, 'crowds of objects', crowds, areBoxes, 'boxes, or an empty list');
  const { length } = objects.labels;
  if (objects.boxes.length !== 4 * length || (masks && masks.length !== length)) {
    throw new Error(
      `${OWNER}: objects have ${length} labels, ${objects.boxes.length} numbers of boxes and ` +
        `${masks ? masks.length : 'no'} masks; expected four numbers and a mask for each label`,
    );
  }
  if (objects.width === width && objects.height === height) return;
  throw new Error(
    `${OWNER}: the image is of ${width} x ${height} pixels, its objects of ${objects.width} x ` +
      `${objects.height}; expected one size`,
  );
}
