/**
 * Where to keep exact features. Each step back divides by alpha, so the rounding error of a
 * recovered feature grows by at most 1 / min|alpha| per column. An anchor, the stored features of a
 * column, stops that growth.
 */

/**
 * Largest growth of the rounding error tolerated between two anchors. 16 is an anchor every four
 * columns at the initial alpha of 0.5, where the worst weight's gradient was measured within 5e-5
 * of the stored-activation one.
 */
export const MAX_ERROR_GROWTH = 16;

/** `'auto'`, or a number of columns from 1; `Infinity` keeps no anchor. */
export type AnchorSpacing = 'auto' | number;

/**
 * Columns whose output features are kept, besides the last, whose features are the output anyway.
 *
 * @param minAlphas smallest |alpha| over all levels, per column; entry 0 is not used, as nothing
 *   is undone there
 * @param spacing `'auto'` bounds the error growth; a number keeps every so many columns
 */
export function anchorColumns(minAlphas: readonly number[], spacing: AnchorSpacing): Set<number> {
  const anchors = new Set<number>();
  let growth = 1;
  let steps = 0;
  for (let column = minAlphas.length - 1; column > 0; column--) {
    growth /= minAlphas[column] as number;
    steps++;
    // Slack for alphas that rounding has put a hair below a round value such as 0.5.
    const keep = spacing === 'auto' ? growth >= MAX_ERROR_GROWTH * 0.999 : steps >= spacing;
    if (keep) {
      anchors.add(column - 1);
      growth = 1;
      steps = 0;
    }
  }
  return anchors;
}
