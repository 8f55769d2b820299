/** Label maps: the class of every pixel of a picture. */
import { requireArgument, shown } from '../common/arguments';

/** A class number for each pixel, row by row from the top left. */
export interface LabelMap {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array | Uint8ClampedArray | Uint16Array;
}

/** Label of pixels that count as no class, where nothing else is said. */
export const IGNORED = 255;

/** The largest label that a map can hold. */
export const MOST_LABEL = 65535;

/**
 * Asserts a label map.
 *
 * @throws {Error} when it is none, or does not have a number for each pixel
 */
export function requireLabelMap(owner: string, map: unknown): asserts map is LabelMap {
  const { width, height, data } = (map ?? {}) as Partial<LabelMap>;
  const kind = Object.prototype.toString.call(data).slice(8, -1);
  const fits =
    ['Uint8Array', 'Uint8ClampedArray', 'Uint16Array'].includes(kind) &&
    [width, height].every((side) => Number.isInteger(side) && (side as number) >= 1);
  const expected =
    '{ width, height, data } with a class number per pixel, a Uint8Array or Uint16Array';
  requireArgument(owner, 'labels', map, fits, expected);
  const { length } = data as Uint8Array;
  const pixels = (width as number) * (height as number);
  if (length === pixels) return;
  throw new Error(
    `${owner}: labels of ${width} x ${height} pixels have ${length} numbers; expected one for each, ${pixels}`,
  );
}

/**
 * Asserts that all labels are classes, or that which is ignored.
 *
 * @param name of the map, for the message
 * @throws {Error} with the first that is none, where it is, and how many there are
 */
export function requireLabelsOf(
  name: string,
  { width, data }: LabelMap,
  classes: number,
  ignored: number,
): void {
  let [count, first] = [0, -1];
  for (let i = 0; i < data.length; i++) {
    const label = data[i] as number;
    if (label < classes || label === ignored) continue;
    if (first < 0) first = i;
    count++;
  }
  if (count === 0) return;
  const value = data[first] as number;
  const hint = value === classes ? '. Where labels count classes from 1, set reduceZeroLabel' : '';
  throw new Error(
    `${name}: label ${shown(value)} at column ${first % width}, row ${Math.floor(first / width)}` +
      `${count > 1 ? ` (and ${count - 1} more)` : ''}; expected classes from 0 to ${classes - 1}, or ${ignored} ` +
      `for what counts as none${hint}`,
  );
}

/**
 * Labels that count classes from 1, as ADE20K's: 0, no class, becomes `ignored`, others one less. Bytes become
 * 16-bit numbers where they do not hold `ignored`.
 *
 * Source: `reduce_zero_label` of mmsegmentation's `LoadAnnotations`.
 */
export function withoutZero(map: LabelMap, ignored: number): LabelMap {
  const reduced = (label: number) => (label === 0 || label === ignored ? ignored : label - 1);
  const data = ignored > 255 ? Uint16Array.from(map.data, reduced) : map.data.map(reduced);
  return { ...map, data };
}
