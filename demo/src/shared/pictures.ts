/** Labelled pictures as they travel between the page, its workers and the browser's database. */

/** Square pictures of one size, one after another, rows from the top, in bytes. */
export interface Pictures {
  pixels: Uint8Array<ArrayBuffer>;
  side: number;
  channels: 1 | 3;
  /** Class of each, from 0. */
  labels: number[];
}

/** What a run learns from. */
export interface DataSet {
  classNames: string[];
  /** Trained on. */
  train: Pictures;
  /** Never trained on: by these the network is judged. */
  held: Pictures;
}

/** Bytes of one picture. */
export const sizeOf = ({ side, channels }: Pictures): number => side * side * channels;

/** The bytes of a picture of several; not copied. */
export function picture(pictures: Pictures, index: number): Uint8Array<ArrayBuffer> {
  const size = sizeOf(pictures);
  return pictures.pixels.subarray(index * size, (index + 1) * size);
}

/** Some of them, copied. */
export function pick(pictures: Pictures, indices: readonly number[]): Pictures {
  const size = sizeOf(pictures);
  const pixels = new Uint8Array(indices.length * size);
  indices.forEach((index, i) => pixels.set(picture(pictures, index), i * size));
  const labels = indices.map((index) => pictures.labels[index] as number);
  return { ...pictures, pixels, labels };
}

/** Every fifth of each class is held out; of a class with fewer than five, the last one. */
export function holdOut(pictures: Pictures, classNames: string[]): DataSet {
  const isHeld = new Set<number>();
  for (const c of classNames.keys()) {
    const own = pictures.labels.flatMap((label, i) => (label === c ? [i] : []));
    const every = own.length < 5 ? own.length : 5;
    own.forEach((index, i) => {
      if (i > 0 && i % every === every - 1) isHeld.add(index);
    });
  }
  const all = pictures.labels.map((_, i) => i);
  const train = all.filter((i) => !isHeld.has(i));
  const held = all.filter((i) => isHeld.has(i));
  return { classNames, train: pick(pictures, train), held: pick(pictures, held) };
}

/** Held-out pictures that the page shows at most. */
const WATCHED = 40;

/** Which held-out pictures the page shows: classes take turns. */
export function watchedOf({ labels }: Pictures): number[] {
  const byClass = new Map<number, number[]>();
  labels.forEach((label, i) => byClass.set(label, [...(byClass.get(label) ?? []), i]));
  const rows = [...byClass.entries()].sort(([a], [b]) => a - b).map(([, indices]) => indices);
  const most = Math.max(0, ...rows.map((row) => row.length));
  const turns = Array.from({ length: most }, (_, turn) => rows.flatMap((row) => row[turn] ?? []));
  return turns.flat().slice(0, WATCHED);
}
