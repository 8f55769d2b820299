/** Bicubic resize that gives the very bytes that Pillow gives. */
import type { RgbImage } from './image';

/** Pillow's bicubic parameter; many other libraries use -0.75. */
const A = -0.5;
/** Half width of the filter in source pixels, when enlarging. */
const SUPPORT = 2;
/** Fraction bits of the integer weights: 8 bits of colour and 2 of overshoot leave 22 of 32. */
const PRECISION_BITS = 22;

/** Weights of the source pixels that make up each target pixel along one axis. */
interface Weights {
  /** First source pixel of each target pixel. */
  start: Int32Array;
  /** Number of source pixels of each target pixel. */
  count: Int32Array;
  /** `stride` weights for each target pixel, in units of `2 ** -PRECISION_BITS`. */
  values: Int32Array;
  stride: number;
}

function bicubic(distance: number): number {
  const x = Math.abs(distance);
  if (x < 1) return ((A + 2) * x - (A + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * A;
  return 0;
}

/** When shrinking, the filter is widened by the factor, so that every source pixel counts. */
function bicubicWeights(from: number, to: number): Weights {
  const scale = from / to;
  const widening = Math.max(scale, 1);
  const support = SUPPORT * widening;
  const stride = 2 * Math.ceil(support) + 1;
  const start = new Int32Array(to);
  const count = new Int32Array(to);
  const values = new Int32Array(to * stride);
  for (let target = 0; target < to; target++) {
    const center = (target + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - support + 0.5));
    const last = Math.min(from, Math.trunc(center + support + 0.5));
    const raw: number[] = [];
    let sum = 0;
    for (let source = first; source < last; source++) {
      const weight = bicubic((source - center + 0.5) * (1 / widening));
      raw.push(weight);
      sum += weight;
    }
    for (const [i, weight] of raw.entries()) {
      const scaled = (sum === 0 ? weight : weight / sum) * 2 ** PRECISION_BITS;
      values[target * stride + i] = Math.trunc(scaled + (scaled < 0 ? -0.5 : 0.5));
    }
    start[target] = first;
    count[target] = last - first;
  }
  return { start, count, values, stride };
}

/**
 * Resamples along one axis. `step` is the distance of neighbours along it, `lines` the offsets of
 * the lines to go through, for source and target.
 */
function resample(
  source: Uint8Array,
  target: Uint8Array,
  { start, count, values, stride }: Weights,
  step: number,
  lines: number,
  sourceOffset: (line: number) => number,
  targetOffset: (line: number) => number,
): void {
  const half = 2 ** (PRECISION_BITS - 1);
  for (let line = 0; line < lines; line++) {
    const from = sourceOffset(line);
    const to = targetOffset(line);
    for (let i = 0; i < start.length; i++) {
      const first = from + (start[i] as number) * step;
      const taps = count[i] as number;
      const weights = i * stride;
      let sum = half;
      for (let tap = 0; tap < taps; tap++) {
        sum += (source[first + tap * step] as number) * (values[weights + tap] as number);
      }
      const value = sum >> PRECISION_BITS;
      target[to + i * step] = value < 0 ? 0 : value > 255 ? 255 : value;
    }
  }
}

/**
 * Resizes with Pillow's antialiased bicubic filter, bit for bit as
 * `image.resize((width, height), Image.BICUBIC)`: first along rows, then along columns, each
 * rounded to bytes.
 *
 * @throws Error when a side is not a positive integer
 */
export function resizeBicubic(image: RgbImage, width: number, height: number): RgbImage {
  for (const side of [width, height]) {
    if (!Number.isInteger(side) || side <= 0) {
      throw new Error(`resizeBicubic: sides must be positive integers, got ${width} x ${height}`);
    }
  }
  let { data } = image;
  if (width !== image.width) {
    const rows = new Uint8Array(3 * width * image.height);
    // A line is one channel of one row.
    const offset = (side: number) => (line: number) => 3 * side * Math.floor(line / 3) + (line % 3);
    const weights = bicubicWeights(image.width, width);
    resample(data, rows, weights, 3, 3 * image.height, offset(image.width), offset(width));
    data = rows;
  }
  if (height !== image.height) {
    const columns = new Uint8Array(3 * width * height);
    // A line is one channel of one column.
    const offset = (line: number) => line;
    const weights = bicubicWeights(image.height, height);
    resample(data, columns, weights, 3 * width, 3 * width, offset, offset);
    data = columns;
  }
  return { width, height, data };
}
