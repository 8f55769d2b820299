/** Precision and recall of a class over all pictures, from what was matched in each. Pure: no tensors. */
import { type Matches, THRESHOLDS } from './match_objects';

/** Recalls at which the precision is taken: 0, .01, ... 1. */
const RECALLS = Array.from({ length: 101 }, (_, i) => (i === 100 ? 1 : i * 0.01));

/** As numpy's spacing(1): nothing is divided by 0. */
const LEAST = 2 ** -52;

/** How one class is found, by threshold of the overlap. */
export interface PrecisionRecall {
  /** At each recall 0, .01, ... 1 the precision: the best that there is at that recall or a higher one. */
  readonly precision: readonly (readonly number[])[];
  /** Share of the objects that are found. */
  readonly recall: readonly number[];
}

/**
 * Precision and recall; undefined where there is nothing to find.
 *
 * @param pictures what was matched in each, in an order that decides among equal scores
 * @param area number of the area
 * @param most how many objects of each picture count, the surest
 */
export function precisionRecall(
  pictures: readonly Matches[],
  area: number,
  most: number,
): PrecisionRecall | undefined {
  const total = pictures.reduce((sum, { truths }) => sum + (truths[area] as number), 0);
  if (total === 0) return undefined;
  const found = pictures.flatMap(({ scores, right, ignored }) =>
    Array.from(scores.subarray(0, most), (score, d) => ({
      score,
      right: right[area * scores.length + d] as number,
      ignored: ignored[area * scores.length + d] as number,
    })),
  );
  // Stable: of equal scores the first picture's come first.
  found.sort((a, b) => b.score - a.score);
  const curves = THRESHOLDS.map((_, t) => curveOf(found, 1 << t, total));
  return {
    precision: curves.map(({ precision }) => precision),
    recall: curves.map(({ recall }) => recall),
  };
}

interface Counted {
  readonly right: number;
  readonly ignored: number;
}

function curveOf(
  found: readonly Counted[],
  bit: number,
  total: number,
): { precision: number[]; recall: number } {
  const recalls = new Float64Array(found.length);
  const precisions = new Float64Array(found.length);
  let [right, wrong] = [0, 0];
  found.forEach((object, i) => {
    if (object.right & bit) right++;
    else if (!(object.ignored & bit)) wrong++;
    recalls[i] = right / total;
    precisions[i] = right / (wrong + right + LEAST);
  });
  for (let i = found.length - 1; i > 0; i--) {
    precisions[i - 1] = Math.max(precisions[i - 1] as number, precisions[i] as number);
  }
  let at = 0;
  const precision = RECALLS.map((recall) => {
    while (at < found.length && (recalls[at] as number) < recall) at++;
    return at < found.length ? (precisions[at] as number) : 0;
  });
  return { precision, recall: found.length > 0 ? (recalls[found.length - 1] as number) : 0 };
}
