/** Affine maps of images, byte for byte as `PIL.Image.transform` and `rotate` make them. */
import type { RgbImage } from '../preprocessing/image';

/** How pixels between pixels are found. */
export type Interpolation = 'bilinear' | 'bicubic';

/** Where the pixel at (x, y) comes from: (a x + b y + c, d x + e y + f). */
export type AffineMap = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

/** What an affine map needs beside it. */
export interface AffineOptions {
  interpolation: Interpolation;
  /** Colour of what comes from outside, RGB, 0..255. */
  fill: readonly number[];
}

/** Pillow's cubic through four values, between the second and the third. */
function cubic(v1: number, v2: number, v3: number, v4: number, d: number): number {
  // In Pillow's order: the last bit decides where the fraction is cut off.
  return v2 + d * (v3 - v1 + d * (2 * (v1 - v2) + v3 - v4 + d * (v2 - v1 - v3 + v4)));
}

/** The four values of one row. Where the distance is 0, the cubic is the second of them to the bit. */
function cubicAlong(
  data: Uint8Array,
  row: number,
  c0: number,
  c1: number,
  c2: number,
  c3: number,
  d: number,
): number {
  const second = data[row + c1] as number;
  if (d === 0) return second;
  const [first, third, fourth] = [data[row + c0], data[row + c2], data[row + c3]];
  return cubic(first as number, second, third as number, fourth as number, d);
}

const clip = (x: number, size: number) => (x < 0 ? 0 : x >= size ? size - 1 : x);

/** A byte; Pillow cuts off the fraction. */
const toByte = (value: number) => (value <= 0 ? 0 : value >= 255 ? 255 : Math.trunc(value));

/** Writes the pixel of an image at (x, y), in pixels from the centre of the first, at `at`. */
type WritePixel = (image: RgbImage, x: number, y: number, target: Uint8Array, at: number) => void;

const writeBicubic: WritePixel = ({ width, height, data }, x, y, target, at) => {
  const [left, top] = [Math.floor(x), Math.floor(y)];
  const [dx, dy] = [x - left, y - top];
  const c0 = 3 * clip(left - 1, width);
  const c1 = 3 * clip(left, width);
  const c2 = 3 * clip(left + 1, width);
  const c3 = 3 * clip(left + 2, width);
  const stride = 3 * width;
  const r0 = stride * clip(top - 1, height);
  const r1 = stride * clip(top, height);
  const r2 = stride * clip(top + 1, height);
  const r3 = stride * clip(top + 2, height);
  for (let channel = 0; channel < 3; channel++) {
    const second = cubicAlong(data, r1 + channel, c0, c1, c2, c3, dx);
    const value =
      dy === 0
        ? second
        : cubic(
            cubicAlong(data, r0 + channel, c0, c1, c2, c3, dx),
            second,
            cubicAlong(data, r2 + channel, c0, c1, c2, c3, dx),
            cubicAlong(data, r3 + channel, c0, c1, c2, c3, dx),
            dy,
          );
    target[at + channel] = toByte(value);
  }
};

const writeBilinear: WritePixel = ({ width, height, data }, x, y, target, at) => {
  const [left, top] = [Math.floor(x), Math.floor(y)];
  const [dx, dy] = [x - left, y - top];
  const [c0, c1] = [3 * clip(left, width), 3 * clip(left + 1, width)];
  const [r0, r1] = [3 * width * clip(top, height), 3 * width * clip(top + 1, height)];
  for (let channel = 0; channel < 3; channel++) {
    const a = data[r0 + c0 + channel] as number;
    const b = data[r0 + c1 + channel] as number;
    const c = data[r1 + c0 + channel] as number;
    const d = data[r1 + c1 + channel] as number;
    const upper = a + (b - a) * dx;
    const lower = c + (d - c) * dx;
    target[at + channel] = toByte(upper + (lower - upper) * dy);
  }
};

/** An image of the same size whose pixels come from where the map says. */
export function affineTransform(
  image: RgbImage,
  [a, b, c, d, e, f]: AffineMap,
  { interpolation, fill }: AffineOptions,
): RgbImage {
  const { width, height } = image;
  const data = new Uint8Array(3 * width * height);
  const [red, green, blue] = fill as [number, number, number];
  const write = interpolation === 'bicubic' ? writeBicubic : writeBilinear;
  let at = 0;
  for (let row = 0.5; row < height; row++) {
    for (let column = 0.5; column < width; column++, at += 3) {
      const x = a * column + b * row + c;
      const y = d * column + e * row + f;
      if (x >= 0 && x < width && y >= 0 && y < height) {
        write(image, x - 0.5, y - 0.5, data, at);
      } else {
        data[at] = red;
        data[at + 1] = green;
        data[at + 2] = blue;
      }
    }
  }
  return { width, height, data };
}

/** As Python's `round(x, 15)`. */
const round15 = (x: number) => Number(x.toFixed(15));

/** Turns an image by degrees against the clock about its centre, without making room. */
export function rotate(image: RgbImage, degrees: number, options: AffineOptions): RgbImage {
  const turned = ((degrees % 360) + 360) % 360;
  if (turned === 0) return image;
  const angle = -(turned * (Math.PI / 180));
  const [cos, sin] = [round15(Math.cos(angle)), round15(Math.sin(angle))];
  const [x, y] = [image.width / 2, image.height / 2];
  const c = cos * -x + sin * -y + x;
  const f = -sin * -x + cos * -y + y;
  return affineTransform(image, [cos, sin, c, -sin, cos, f], options);
}

/** Moves each row sideways by its distance from the first times `factor`. */
export function shearX(image: RgbImage, factor: number, options: AffineOptions): RgbImage {
  return affineTransform(image, [1, factor, 0, 0, 1, 0], options);
}

/** Moves each column up or down by its distance from the first times `factor`. */
export function shearY(image: RgbImage, factor: number, options: AffineOptions): RgbImage {
  return affineTransform(image, [1, 0, 0, factor, 1, 0], options);
}

/** Moves an image to the left by a share of its width. */
export function translateX(image: RgbImage, share: number, options: AffineOptions): RgbImage {
  return affineTransform(image, [1, 0, share * image.width, 0, 1, 0], options);
}

/** Moves an image up by a share of its height. */
export function translateY(image: RgbImage, share: number, options: AffineOptions): RgbImage {
  return affineTransform(image, [1, 0, 0, 0, 1, share * image.height], options);
}
