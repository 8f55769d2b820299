/** Masks as runs of pixels that are set and that are not, column by column: the arithmetic of COCO's masks. */

/** A mask by the lengths of its runs. */
export interface Runs {
  readonly height: number;
  readonly width: number;
  /**
   * Lengths of runs by turns, first of pixels that are not set; columns follow each other, each from the top.
   * They add up to all pixels, and only the first may be 0.
   */
  readonly counts: Uint32Array;
}

/** `[x, y, width, height]` in pixels, as COCO writes boxes. */
export type CocoBox = readonly [x: number, y: number, width: number, height: number];

/**
 * Takes ends of runs, in order, of which some may be equal.
 *
 * @param ends where each run ends, as a number of pixels; the last one is all of them
 */
export function runsByEnds(height: number, width: number, ends: ArrayLike<number>): Runs {
  const counts: number[] = [];
  let start = 0;
  for (let i = 0; i < ends.length; i++) {
    const count = (ends[i] as number) - start;
    start += count;
    // Without a run of no pixels those beside it are one.
    if (counts.length % 2 !== i % 2) counts[counts.length - 1] = (counts.at(-1) as number) + count;
    else if (count > 0 || i === 0) counts.push(count);
  }
  return { height, width, counts: Uint32Array.from(counts) };
}

/** The runs of pixels row by row, of which those other than 0 are set. */
export function runsOfPixels(height: number, width: number, data: ArrayLike<number>): Runs {
  const ends: number[] = [];
  let isSet = false;
  for (let x = 0, at = 0; x < width; x++) {
    for (let pixel = x; at < (x + 1) * height; pixel += width, at++) {
      if ((data[pixel] !== 0) === isSet) continue;
      ends.push(at);
      isSet = !isSet;
    }
  }
  ends.push(height * width);
  return runsByEnds(height, width, ends);
}

/** Row by row, 1 where it is set. */
export function pixelsOfRuns({ height, width, counts }: Runs): Uint8Array {
  const data = new Uint8Array(height * width);
  eachRun(counts, (start, end) => {
    let [x, y] = [Math.floor(start / height), start % height];
    for (let at = start; at < end; at++) {
      data[y * width + x] = 1;
      if (++y === height) [x, y] = [x + 1, 0];
    }
  });
  return data;
}

/** Goes through the runs that are set. */
function eachRun(counts: Uint32Array, run: (start: number, end: number) => void): void {
  let start = 0;
  for (let i = 0; i < counts.length; i++) {
    const end = start + (counts[i] as number);
    if (i % 2 === 1) run(start, end);
    start = end;
  }
}

/** How many pixels are set. */
export function runsArea({ counts }: Runs): number {
  let area = 0;
  for (let i = 1; i < counts.length; i += 2) area += counts[i] as number;
  return area;
}

/** The smallest box around what is set; of an empty mask `[0, 0, 0, 0]`. */
export function runsBox({ height, counts }: Runs): CocoBox {
  if (counts.length < 2) return [0, 0, 0, 0];
  let [left, top, right, bottom] = [Infinity, Infinity, 0, 0];
  eachRun(counts, (start, end) => {
    const [first, last] = [Math.floor(start / height), Math.floor((end - 1) / height)];
    left = Math.min(left, first);
    right = Math.max(right, last);
    // One that goes on in the next column touches top and bottom.
    top = first < last ? 0 : Math.min(top, start % height);
    bottom = first < last ? height - 1 : Math.max(bottom, (end - 1) % height);
  });
  return [left, top, right - left + 1, bottom - top + 1];
}

/** How two masks of one size are made one. */
export type Combination = 'union' | 'intersection';

/** The union or the intersection of two masks of one size. */
export function combineRuns(a: Runs, b: Runs, combination: Combination): Runs {
  const ends: number[] = [];
  let isSet = false;
  eachPiece(a, b, (start, _end, inA, inB) => {
    if ((combination === 'union' ? inA || inB : inA && inB) === isSet) return;
    ends.push(start);
    isSet = !isSet;
  });
  ends.push(a.height * a.width);
  return runsByEnds(a.height, a.width, ends);
}

/** How many pixels are set in both of two masks of one size. */
export function commonArea(a: Runs, b: Runs): number {
  let area = 0;
  eachPiece(a, b, (start, end, inA, inB) => {
    if (inA && inB) area += end - start;
  });
  return area;
}

/** Goes through the pieces in which neither of two masks changes. */
function eachPiece(
  a: Runs,
  b: Runs,
  piece: (start: number, end: number, inA: boolean, inB: boolean) => void,
): void {
  const all = a.height * a.width;
  let [i, j] = [0, 0];
  let [endA, endB] = [a.counts[0] as number, b.counts[0] as number];
  for (let start = 0; start < all;) {
    const end = Math.min(endA, endB);
    if (end > start) piece(start, end, i % 2 === 1, j % 2 === 1);
    if (endA === end) endA += a.counts[++i] ?? all;
    if (endB === end) endB += b.counts[++j] ?? all;
    start = end;
  }
}
