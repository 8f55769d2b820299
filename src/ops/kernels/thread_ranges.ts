/** How work is cut into parts for threads. */

/** Values below which a kernel that goes over them once is left to one thread. */
const MIN_VALUES = 1 << 14;
/** Values of a cache line, which two threads should not both write. */
export const LINE = 16;
/** Bytes of a value. */
export const FLOAT = 4;

export type Range = readonly [start: number, count: number];

/** `[0, length)` in `count` parts or fewer of about one size, all but the last multiples of `grain`. */
export function ranges(length: number, count: number, grain: number): Range[] {
  const size = Math.ceil(length / count / grain) * grain;
  const parts: Range[] = [];
  for (let at = 0; at < length; at += size) parts.push([at, Math.min(size, length - at)]);
  return parts;
}

/** Parts of `rows` of `columns` values; a row for itself may be short, so they are of whole lines. */
export function rowRanges(rows: number, columns: number, threads: number): Range[] {
  const grain = columns % LINE === 0 ? 1 : Math.min(LINE, Math.ceil(rows / threads));
  return ranges(rows, threads, grain);
}

/** Whether a kernel that goes over so many values is shared. */
export const isLarge = (values: number): boolean => values >= MIN_VALUES;
