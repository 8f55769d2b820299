/** Boxes as plain numbers, one after the other: what decisions are made on, alike on every backend. */
import { requireArgument, shown } from '../../common/arguments';

/**
 * Boxes `x1, y1, x2, y2` in pixels, one after the other: the first has the numbers 0 to 3. `x2` and `y2`
 * are the edges: a box is `x2 - x1` pixels wide.
 */
export type BoxList = ArrayLike<number>;

/** Height and width of an image, in pixels. */
export type ImageSize = readonly [height: number, width: number];

/** A box taken out of a list. */
export type Box = readonly [x1: number, y1: number, x2: number, y2: number];

/** The box at a place of a list. */
export function boxAt(boxes: BoxList, i: number): Box {
  const p = 4 * i;
  return [
    boxes[p] as number,
    boxes[p + 1] as number,
    boxes[p + 2] as number,
    boxes[p + 3] as number,
  ];
}

/**
 * Asserts a list of boxes.
 *
 * @param owner of the message
 * @param width numbers of each: 4, or 5 with the number of an image before
 * @returns their number
 * @throws {Error} when the length is no multiple of that, or a number is not finite
 */
export function requireBoxes(owner: string, name: string, boxes: unknown, width = 4): number {
  const list = (boxes ?? {}) as Partial<BoxList>;
  const form = width === 4 ? 'x1, y1, x2, y2' : 'the number of an image, x1, y1, x2, y2';
  const length = list.length ?? -1;
  const isList = typeof boxes === 'object' && Number.isInteger(length) && length >= 0;
  const what = `numbers ${form} of each box, one after the other`;
  requireArgument(owner, name, boxes, isList, what);
  if (length % width !== 0) {
    throw new Error(
      `${owner}: ${name} has ${length} numbers; expected ${width} for each box: ${form}`,
    );
  }
  for (let i = 0; i < length; i++) {
    if (Number.isFinite(list[i])) continue;
    const [box, place] = [Math.floor(i / width), i % width];
    throw new Error(
      `${owner}: number ${place} of ${name} ${box} is ${shown(list[i])}; expected a finite number`,
    );
  }
  return length / width;
}

/** Asserts as many numbers as boxes. */
export function requireCount(owner: string, name: string, list: unknown, count: number): void {
  const length = (list as Partial<ArrayLike<number>> | null)?.length;
  if (length === count) return;
  throw new Error(
    `${owner}: ${name} has ${shown(length)} entries; expected ${count}, one for each box`,
  );
}

/** Least area that a union counts with. */
const LEAST_AREA = 1e-6;

/**
 * Intersection over union of a box of one list and one of another, in double precision; a union counts
 * at least 1e-6.
 */
export function overlapOf(a: BoxList, i: number, b: BoxList, j: number): number {
  // No list and no function is made here: training asks for millions of overlaps.
  const p = 4 * i;
  const q = 4 * j;
  const ax1 = a[p] as number;
  const bx1 = b[q] as number;
  const ax2 = a[p + 2] as number;
  const bx2 = b[q + 2] as number;
  const width = Math.min(ax2, bx2) - Math.max(ax1, bx1);
  if (width <= 0) return 0;
  const ay1 = a[p + 1] as number;
  const by1 = b[q + 1] as number;
  const ay2 = a[p + 3] as number;
  const by2 = b[q + 3] as number;
  const height = Math.min(ay2, by2) - Math.max(ay1, by1);
  if (height <= 0) return 0;
  const inner = width * height;
  const both = (ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1);
  return inner / Math.max(both - inner, LEAST_AREA);
}

/** The boxes at some places of a list. */
export function takeBoxes(boxes: BoxList, places: ArrayLike<number>): Float32Array {
  const taken = new Float32Array(4 * places.length);
  for (let i = 0; i < places.length; i++) {
    const from = 4 * (places[i] as number);
    for (let k = 0; k < 4; k++) taken[4 * i + k] = boxes[from + k] as number;
  }
  return taken;
}

/** Lists of boxes, one behind the other. */
export function joinedBoxes(lists: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(lists.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const list of lists) {
    all.set(list, at);
    at += list.length;
  }
  return all;
}
