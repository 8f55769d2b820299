/** Bicubic resize that gives the very bytes that Pillow gives. */
import { requireBytes, type RgbImage } from './image';

/** Pillow's bicubic parameter; many other libraries use -0.75. */
const A = -0.5;
/** Half width of the filter in source pixels, when enlarging. */
const SUPPORT = 2;
/** Fraction bits of the integer weights: 8 bits of colour and 2 of overshoot leave 22 of 32. */
const PRECISION_BITS = 22;

/** Weights of the source pixels that make up target pixels along one axis. */
interface Taps {
  /** First source pixel of each target pixel. */
  first: Int32Array;
  /** How many source pixels each has. */
  count: Int32Array;
  /** Weights in units of `2 ** -PRECISION_BITS`, `most` places for each target pixel; 0 behind its last. */
  weights: Int32Array;
  /** A multiple of 4. */
  most: number;
}

/** A rectangle of the resized image, in its pixels. */
export interface Region {
  left: number;
  top: number;
  width: number;
  height: number;
}

function bicubic(distance: number): number {
  const x = Math.abs(distance);
  if (x < 1) return ((A + 2) * x - (A + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * A;
  return 0;
}

/**
 * The taps of `length` target pixels from `start` on, where `from` pixels become `to`. When shrinking, the filter is
 * widened by the factor, so that every source pixel counts.
 */
function tapsOf(start: number, length: number, from: number, to: number): Taps {
  const scale = from / to;
  const widening = Math.max(scale, 1);
  const support = SUPPORT * widening;
  const most = 4 * Math.ceil((Math.ceil(support) * 2 + 1) / 4);
  const first = new Int32Array(length);
  const count = new Int32Array(length);
  const weights = new Int32Array(length * most);
  const raw = new Float64Array(most);
  for (let target = 0; target < length; target++) {
    const center = (start + target + 0.5) * scale;
    const begin = Math.max(0, Math.trunc(center - support + 0.5));
    const taps = Math.min(from, Math.trunc(center + support + 0.5)) - begin;
    let sum = 0;
    for (let i = 0; i < taps; i++) {
      const weight = bicubic((begin + i - center + 0.5) * (1 / widening));
      raw[i] = weight;
      sum += weight;
    }
    for (let i = 0; i < taps; i++) {
      const weight = raw[i] as number;
      const scaled = (sum === 0 ? weight : weight / sum) * 2 ** PRECISION_BITS;
      weights[most * target + i] = Math.trunc(scaled + (scaled < 0 ? -0.5 : 0.5));
    }
    first[target] = begin;
    count[target] = taps;
  }
  return { first, count, weights, most };
}

/** Product as int32: sums of these stay in the range that Pillow's have. */
const { imul } = Math;
const HALF = 2 ** (PRECISION_BITS - 1);

function toByte(sum: number): number {
  const value = sum >> PRECISION_BITS;
  return value < 0 ? 0 : value > 255 ? 255 : value;
}

/** Writes the pixels that taps make of an RGB row, which begins at `row`, from `to` on. */
function resampleRow(
  data: Uint8Array,
  row: number,
  { first, count, weights, most }: Taps,
  target: Uint8Array,
  to: number,
): void {
  for (let x = 0; x < first.length; x++) {
    let red = HALF;
    let green = HALF;
    let blue = HALF;
    let at = row + 3 * (first[x] as number);
    const end = most * x + (count[x] as number);
    for (let tap = most * x; tap < end; tap++, at += 3) {
      const weight = weights[tap] as number;
      red = (red + imul(data[at] as number, weight)) | 0;
      green = (green + imul(data[at + 1] as number, weight)) | 0;
      blue = (blue + imul(data[at + 2] as number, weight)) | 0;
    }
    target[to + 3 * x] = toByte(red);
    target[to + 3 * x + 1] = toByte(green);
    target[to + 3 * x + 2] = toByte(blue);
  }
}

/**
 * Resizes with Pillow's antialiased bicubic filter, bit for bit as
 * `image.resize((width, height), Image.BICUBIC)`: first along rows, then along columns, each
 * rounded to bytes.
 *
 * @throws {Error} when a side is not a positive integer, or the image has no bytes
 */
export function resizeBicubic(image: RgbImage, width: number, height: number): RgbImage {
  return resizeRegion(image, width, height, { left: 0, top: 0, width, height });
}

/**
 * A rectangle of what `resizeBicubic` gives, without the rest: an image of one pixel by thousands
 * becomes gigabytes when its shorter side is enlarged. Beside image and result it takes the source
 * rows of one row of the result.
 *
 * @throws {Error} when a side is not a positive integer, or the region does not lie inside
 */
export function resizeRegion(
  image: RgbImage,
  width: number,
  height: number,
  region: Region,
): RgbImage {
  for (const side of [width, height]) {
    if (!Number.isInteger(side) || side <= 0) {
      throw new Error(`resizeBicubic: sides must be positive integers, got ${width} x ${height}`);
    }
  }
  requireInside(region, width, height);
  requireBytes(image.data);
  const { left, top } = region;
  const stride = 3 * region.width;
  const data = new Uint8Array(stride * region.height);
  const columns =
    width === image.width ? undefined : tapsOf(left, region.width, image.width, width);
  /** Writes the region's columns of a source row. */
  const writeRow = (y: number, target: Uint8Array, to: number): void => {
    const start = 3 * image.width * y;
    if (columns) resampleRow(image.data, start, columns, target, to);
    else target.set(image.data.subarray(start + 3 * left, start + 3 * left + stride), to);
  };
  if (height === image.height) {
    for (let i = 0; i < region.height; i++) writeRow(top + i, data, stride * i);
    return { width: region.width, height: region.height, data };
  }
  const taps = tapsOf(top, region.height, image.height, height);
  // The rows of one row of the result, each at its number modulo `most`: neighbours share most of them.
  const rows = new Uint8Array(stride * taps.most);
  const sums = new Int32Array(stride);
  let done = 0;
  for (let i = 0; i < region.height; i++) {
    const first = taps.first[i] as number;
    const end = first + (taps.count[i] as number);
    for (done = Math.max(done, first); done < end; done++) {
      writeRow(done, rows, stride * (done % taps.most));
    }
    mixRows(taps, i, rows, sums, data, stride * i);
  }
  return { width: region.width, height: region.height, data };
}

/** Writes the row that the taps of target row `target` stand for, of rows kept by their number modulo `most`. */
function mixRows(
  { first, count, weights, most }: Taps,
  target: number,
  rows: Uint8Array,
  sums: Int32Array,
  data: Uint8Array,
  start: number,
): void {
  const stride = sums.length;
  const begin = first[target] as number;
  const offset = (tap: number) => stride * ((begin + tap) % most);
  const weight = (tap: number) => weights[most * target + tap] as number;
  sums.fill(HALF);
  // Four at a time, so that sums are read and written less often; the weights behind the last are 0.
  for (let tap = 0; tap < (count[target] as number); tap += 4) {
    const [a, b, c, d] = [offset(tap), offset(tap + 1), offset(tap + 2), offset(tap + 3)];
    const [p, q, r, s] = [weight(tap), weight(tap + 1), weight(tap + 2), weight(tap + 3)];
    for (let i = 0; i < stride; i++) {
      const two = (imul(rows[a + i] as number, p) + imul(rows[b + i] as number, q)) | 0;
      const more = (imul(rows[c + i] as number, r) + imul(rows[d + i] as number, s)) | 0;
      sums[i] = ((sums[i] as number) + two + more) | 0;
    }
  }
  for (let i = 0; i < stride; i++) data[start + i] = toByte(sums[i] as number);
}

function requireInside({ left, top, width, height }: Region, whole: number, tall: number): void {
  const numbers = [left, top, width, height];
  const isInside = left >= 0 && top >= 0 && left + width <= whole && top + height <= tall;
  if (isInside && numbers.every(Number.isInteger) && width > 0 && height > 0) return;
  throw new Error(
    `crop: ${width} x ${height} at (${left}, ${top}) does not lie inside ${whole} x ${tall} pixels`,
  );
}
