/** Bicubic resize that gives the very bytes that Pillow gives. */
import { requireBytes, type RgbImage } from './image';

/** Pillow's bicubic parameter; many other libraries use -0.75. */
const A = -0.5;
/** Half width of the filter in source pixels, when enlarging. */
const SUPPORT = 2;
/** Fraction bits of the integer weights: 8 bits of colour and 2 of overshoot leave 22 of 32. */
const PRECISION_BITS = 22;

/** Weights of the source pixels that make up one target pixel along one axis. */
interface Taps {
  /** First source pixel. */
  first: number;
  /** One weight for each source pixel from there, in units of `2 ** -PRECISION_BITS`. */
  weights: Int32Array;
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

/** When shrinking, the filter is widened by the factor, so that every source pixel counts. */
function tapsOf(target: number, from: number, to: number): Taps {
  const scale = from / to;
  const widening = Math.max(scale, 1);
  const support = SUPPORT * widening;
  const center = (target + 0.5) * scale;
  const first = Math.max(0, Math.trunc(center - support + 0.5));
  const last = Math.min(from, Math.trunc(center + support + 0.5));
  const raw = new Float64Array(last - first);
  let sum = 0;
  for (let i = 0; i < raw.length; i++) {
    const weight = bicubic((first + i - center + 0.5) * (1 / widening));
    raw[i] = weight;
    sum += weight;
  }
  const weights = Int32Array.from(raw, (weight) => {
    const scaled = (sum === 0 ? weight : weight / sum) * 2 ** PRECISION_BITS;
    return Math.trunc(scaled + (scaled < 0 ? -0.5 : 0.5));
  });
  return { first, weights };
}

/** Product as int32: sums of these stay in the range that Pillow's have. */
const { imul } = Math;
const HALF = 2 ** (PRECISION_BITS - 1);

function toByte(sum: number): number {
  const value = sum >> PRECISION_BITS;
  return value < 0 ? 0 : value > 255 ? 255 : value;
}

/** The columns of an RGB row that `taps` stand for. */
function resampleRow(row: Uint8Array, taps: readonly Taps[]): Uint8Array {
  const target = new Uint8Array(3 * taps.length);
  let to = 0;
  for (const { first, weights } of taps) {
    for (let channel = 0; channel < 3; channel++) {
      let sum = HALF;
      let at = 3 * first + channel;
      for (let tap = 0; tap < weights.length; tap++, at += 3) {
        sum += imul(row[at] as number, weights[tap] as number);
      }
      target[to++] = toByte(sum);
    }
  }
  return target;
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
    width === image.width
      ? undefined
      : Array.from({ length: region.width }, (_, i) => tapsOf(left + i, image.width, width));
  /** The region's columns of a source row. */
  const rowAt = (y: number): Uint8Array => {
    const row = image.data.subarray(3 * image.width * y, 3 * image.width * (y + 1));
    return columns ? resampleRow(row, columns) : row.subarray(3 * left, 3 * left + stride);
  };
  const rows = new Map<number, Uint8Array>();
  const sums = new Int32Array(stride);
  for (let i = 0; i < region.height; i++) {
    if (height === image.height) {
      data.set(rowAt(top + i), stride * i);
      continue;
    }
    const taps = tapsOf(top + i, image.height, height);
    for (const y of rows.keys()) if (y < taps.first) rows.delete(y);
    mixRows(taps, rows, rowAt, sums, data, stride * i);
  }
  return { width: region.width, height: region.height, data };
}

/** Writes the row that `taps` stand for. Source rows are kept in `rows`, for neighbours share most of them. */
function mixRows(
  { first, weights }: Taps,
  rows: Map<number, Uint8Array>,
  rowAt: (y: number) => Uint8Array,
  sums: Int32Array,
  target: Uint8Array,
  start: number,
): void {
  const stride = sums.length;
  sums.fill(HALF);
  for (let tap = 0; tap < weights.length; tap++) {
    const y = first + tap;
    const source = rows.get(y) ?? rowAt(y);
    rows.set(y, source);
    const weight = weights[tap] as number;
    for (let i = 0; i < stride; i++) {
      sums[i] = ((sums[i] as number) + imul(source[i] as number, weight)) | 0;
    }
  }
  for (let i = 0; i < stride; i++) target[start + i] = toByte(sums[i] as number);
}

function requireInside({ left, top, width, height }: Region, whole: number, tall: number): void {
  const numbers = [left, top, width, height];
  const isInside = left >= 0 && top >= 0 && left + width <= whole && top + height <= tall;
  if (isInside && numbers.every(Number.isInteger) && width > 0 && height > 0) return;
  throw new Error(
    `crop: ${width} x ${height} at (${left}, ${top}) does not lie inside ${whole} x ${tall} pixels`,
  );
}
