/** Which objects found in a picture are right, as COCO's evaluation matches them: of one class. Pure: no tensors. */

/** An object that is there. */
export interface Truth {
  /** In pixels. */
  readonly area: number;
  /** Many objects as one, of which any part may be found, or none. */
  readonly isCrowd: boolean;
}

/** An object that was found. */
export interface Found {
  /** In pixels. */
  readonly area: number;
  readonly score: number;
}

/** Areas of objects in square pixels, ends included: all, small, medium, large. */
export const AREAS: readonly (readonly [least: number, most: number])[] = [
  [0, 1e10],
  [0, 32 ** 2],
  [32 ** 2, 96 ** 2],
  [96 ** 2, 1e10],
];

/** Overlaps from which an object counts as found: .5, .55, ... .95, rounded as numpy's linspace rounds them. */
export const THRESHOLDS: readonly number[] = Array.from({ length: 10 }, (_, i) =>
  i === 9 ? 0.95 : 0.5 + i * ((0.95 - 0.5) / 9),
);

/** What became of the objects that were found, the surest first, at each area and threshold. */
export interface Matches {
  readonly scores: Float64Array;
  /** By area, then by object: bit t is set where it is right at threshold t. */
  readonly right: Uint16Array;
  /** The same where it counts neither as right nor as wrong. */
  readonly ignored: Uint16Array;
  /** Objects to find, by area. */
  readonly truths: readonly number[];
}

/**
 * Matches the objects of a class in a picture. One after another, the surest first, takes what it overlaps
 * most among what is left: of equal overlaps the last, and none that is to be ignored (crowds, other
 * areas) where one that counts is there. Crowds can be taken again and again. What takes something to be
 * ignored is ignored, and so is what takes nothing and is of another area.
 *
 * @param found the surest first
 * @param overlaps for each of `found`, with each of `truths`
 */
export function matchObjects(
  truths: readonly Truth[],
  found: readonly Found[],
  overlaps: readonly (readonly number[])[],
): Matches {
  const right = new Uint16Array(AREAS.length * found.length);
  const ignored = new Uint16Array(AREAS.length * found.length);
  const counts = AREAS.map(([least, most], a) => {
    const isOutside = ({ area }: { readonly area: number }) => area < least || area > most;
    const isIgnored = truths.map((truth) => truth.isCrowd || isOutside(truth));
    const kept = [...truths.keys()].filter((i) => !isIgnored[i]);
    const order = [...kept, ...[...truths.keys()].filter((i) => isIgnored[i])];
    THRESHOLDS.forEach((threshold, t) => {
      const isTaken = new Uint8Array(truths.length);
      found.forEach((object, d) => {
        const best = bestOf(order, kept.length, threshold, overlaps[d] ?? [], isTaken);
        const place = a * found.length + d;
        if (best === -1) {
          if (isOutside(object)) ignored[place] = (ignored[place] as number) | (1 << t);
          return;
        }
        if (!truths[best]?.isCrowd) isTaken[best] = 1;
        const bits = isIgnored[best] ? ignored : right;
        bits[place] = (bits[place] as number) | (1 << t);
      });
    });
    return kept.length;
  });
  return { scores: Float64Array.from(found, ({ score }) => score), right, ignored, truths: counts };
}

/** The truth that is taken, -1 for none. The first `kept` of `order` count. */
function bestOf(
  order: readonly number[],
  kept: number,
  threshold: number,
  overlaps: readonly number[],
  isTaken: Uint8Array,
): number {
  let least = Math.min(threshold, 1 - 1e-10);
  let best = -1;
  for (let i = 0; i < order.length; i++) {
    if (i === kept && best !== -1) break;
    const truth = order[i] as number;
    const overlap = overlaps[truth] as number;
    if (isTaken[truth] || !(overlap >= least)) continue;
    least = overlap;
    best = truth;
  }
  return best;
}
