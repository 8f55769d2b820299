/** Bilinear and nearest resizing that give the very bytes that OpenCV gives. */
import { roundHalfToEven } from '../common/rounding';
import { requireBytes, type RgbImage } from './image';
import type { Region } from './resize_bicubic';

/** Fraction bits of a weight. */
const WEIGHT_BITS = 11;
const ONE = 2 ** WEIGHT_BITS;
/** What is cut off a weighted row before it is weighted again, so that products fit. */
const ROW_BITS = 4;

/** Which two source pixels make each target pixel along one axis, and their weights in units of `1 / ONE`. */
interface Taps {
  readonly first: Int32Array;
  readonly second: Int32Array;
  readonly firstWeight: Int32Array;
  readonly secondWeight: Int32Array;
}

/** Those of `length` target pixels from `start` on, where `from` become `to`. Pixels have their middles at halves; beyond the outermost middles the outermost pixel goes on. */
function tapsOf(start: number, length: number, from: number, to: number, isRow: boolean): Taps {
  const scale = 1 / (to / from);
  const taps = {
    first: new Int32Array(length),
    second: new Int32Array(length),
    firstWeight: new Int32Array(length),
    secondWeight: new Int32Array(length),
  };
  for (let i = 0; i < length; i++) {
    const place = Math.fround((start + i + 0.5) * scale - 0.5);
    const low = Math.floor(place);
    let fraction = Math.fround(place - low);
    // Along rows a weight beyond the edge is 0; along columns the two weights stay, of one row twice.
    if (isRow && (low < 0 || low >= from - 1)) fraction = 0;
    taps.first[i] = Math.min(Math.max(low, 0), from - 1);
    taps.second[i] = Math.min(Math.max(low + 1, 0), from - 1);
    taps.firstWeight[i] = roundHalfToEven(Math.fround(1 - fraction) * ONE);
    taps.secondWeight[i] = roundHalfToEven(fraction * ONE);
  }
  return taps;
}

/**
 * Resizes bilinearly, bit for bit as OpenCV's `resize` with `INTER_LINEAR`, which mmdetection and
 * mmsegmentation use: without a wider filter where the image shrinks.
 *
 * @param region part of the result that is made; default: all of it
 * @throws {Error} when a side is not a positive integer, or the image has no bytes
 */
export function resizeLinear(
  image: RgbImage,
  width: number,
  height: number,
  region: Region = { left: 0, top: 0, width, height },
): RgbImage {
  requireSides('resizeLinear', width, height);
  requireBytes(image.data);
  const isWhole = region.width === width && region.height === height;
  if (isWhole && width === image.width && height === image.height) return image;
  const columns = tapsOf(region.left, region.width, image.width, width, true);
  const rows = tapsOf(region.top, region.height, image.height, height, false);
  const data = new Uint8Array(3 * region.width * region.height);
  // Weighted source rows: neighbours in the result share them.
  const kept = new Map<number, Int32Array>();
  const weighted = (y: number): Int32Array => {
    const known = kept.get(y);
    if (known) return known;
    const row = weightedRow(image, y, columns);
    kept.set(y, row);
    return row;
  };
  for (let y = 0; y < region.height; y++) {
    const [first, second] = [rows.first[y] as number, rows.second[y] as number];
    const [above, below] = [weighted(first), weighted(second)];
    const [a, b] = [rows.firstWeight[y] as number, rows.secondWeight[y] as number];
    for (let i = 0, to = 3 * region.width * y; i < above.length; i++, to++) {
      const sum =
        ((a * ((above[i] as number) >> ROW_BITS)) >> 16) +
        ((b * ((below[i] as number) >> ROW_BITS)) >> 16);
      data[to] = (sum + 2) >> 2;
    }
    for (const row of kept.keys()) if (row < first) kept.delete(row);
  }
  return { width: region.width, height: region.height, data };
}

function weightedRow({ data, width }: RgbImage, y: number, columns: Taps): Int32Array {
  const { first, second, firstWeight, secondWeight } = columns;
  const row = new Int32Array(3 * first.length);
  const start = 3 * width * y;
  for (let x = 0; x < first.length; x++) {
    const [left, right] = [start + 3 * (first[x] as number), start + 3 * (second[x] as number)];
    const [a, b] = [firstWeight[x] as number, secondWeight[x] as number];
    for (let c = 0; c < 3; c++) {
      row[3 * x + c] = a * (data[left + c] as number) + b * (data[right + c] as number);
    }
  }
  return row;
}

/**
 * Which source pixel each target pixel is along one axis, as OpenCV's `INTER_NEAREST`.
 *
 * @param start first target pixel that is asked for, and `length` how many are; default: all
 */
export function nearestPixels(from: number, to: number, start = 0, length = to): Int32Array {
  const scale = 1 / (to / from);
  return Int32Array.from({ length }, (_, i) => Math.min(Math.floor((start + i) * scale), from - 1));
}

function requireSides(owner: string, width: number, height: number): void {
  if ([width, height].every((side) => Number.isInteger(side) && side > 0)) return;
  throw new Error(`${owner}: sides must be positive integers, got ${width} x ${height}`);
}
