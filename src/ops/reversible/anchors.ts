/**
 * Where to keep exact features. Undoing a column rounds, and divides by alpha, so what is recovered
 * gets less exact with every column. An anchor, the stored features of a column, starts afresh.
 *
 * The growth of the error is estimated level by level. Undoing level l divides by its alpha the
 * error of the feature it starts from, that of the level above, which enters through the fusion and
 * was recovered a moment earlier, and one rounding:
 *
 *     growth[l] <- (1 + growth[l] + growth[l + 1]) / min|alpha[l]|
 *
 * so within one column the error also grows from the top level down to the bottom one. Measured in
 * float32 with 2 to 4 levels, 4 and 8 columns and alphas from 0.06 to 1, the worst weight's gradient
 * was off by at most 2.4e-7 times the largest growth.
 */

/**
 * Largest growth tolerated between two anchors: at most 5e-4 in the worst weight's gradient by the
 * measured factor. With four levels and the initial alphas of 0.5, an anchor every four columns.
 */
export const MAX_ERROR_GROWTH = 2000;

/** `'auto'`, or a number of columns from 1; `Infinity` keeps no anchor. */
export type AnchorSpacing = 'auto' | number;

/** Growth of the error per level after one more column is undone, from that before. */
function undone(growth: readonly number[], minAlphas: readonly number[]): number[] {
  const next: number[] = [];
  for (let l = minAlphas.length - 1; l >= 0; l--) {
    next[l] = (1 + (growth[l] ?? 0) + (next[l + 1] ?? 0)) / (minAlphas[l] as number);
  }
  return next;
}

/**
 * Columns whose output features are kept, besides the last, whose features are the output anyway.
 *
 * @param minAlphas smallest |alpha| per column and level, bottom first; entry 0 is not used, as
 *   nothing is undone there
 * @param spacing `'auto'` bounds the error growth; a number keeps every so many columns
 */
export function anchorColumns(
  minAlphas: readonly (readonly number[])[],
  spacing: AnchorSpacing,
): Set<number> {
  const anchors = new Set<number>();
  let growth: number[] = [];
  let steps = 0;
  for (let column = minAlphas.length - 1; column > 0; column--) {
    growth = undone(growth, minAlphas[column] as number[]);
    steps++;
    const keep = spacing === 'auto' ? Math.max(...growth) > MAX_ERROR_GROWTH : steps >= spacing;
    if (keep) {
      anchors.add(column - 1);
      growth = [];
      steps = 0;
    }
  }
  return anchors;
}
