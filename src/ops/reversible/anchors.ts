/**
 * Where to keep exact features. Undoing a column rounds, and divides by alpha, so what is recovered
 * gets less exact with every column. An anchor, the stored features of a column, starts afresh.
 *
 * The growth of the error is estimated level by level. To undo level l, F_l runs on features that
 * were recovered already: the level below in the same column, and the level above in the previous one.
 * Their errors, its own and one rounding are divided by alpha:
 *
 *     growth[l] <- (1 + growth[l] + growth[l - 1] / 2 + new growth[l + 1] / 2) / min|alpha[l]|
 */

/** Share of its operands' errors that a level takes over: what fits the measurements. */
const OPERAND_SHARE = 0.5;

/**
 * Largest growth tolerated between two anchors: the gradient of every weight shall be within 1e-3 of
 * what an anchor in every column gives. Measured in float32 on random networks of 4 levels, 8 channels
 * and the default depths, with weights so large (deviation 0.5, layer scales around 0 or 1) that blocks
 * amplify errors: the worst of 240 networks was off by 1.3e-4, with a limit of 120 one by 2e-3, with one
 * of 600 thirty-one by up to 9e-3. With four levels and the initial alphas of 0.5 there is an
 * anchor every two columns.
 */
export const MAX_ERROR_GROWTH = 60;

/** `'auto'`, or a number of columns from 1; `Infinity` keeps no anchor. */
export type AnchorSpacing = 'auto' | number;

/**
 * Growth of the error per level after one more column is undone, from that before; in roundings of
 * float32, each 2^-24 of what is rounded.
 *
 * @param growth per level, bottom first; empty where the features are exact
 * @param minAlphas smallest |alpha| per level
 */
export function undone(growth: readonly number[], minAlphas: readonly number[]): number[] {
  const next: number[] = [];
  for (let l = minAlphas.length - 1; l >= 0; l--) {
    const operands = (growth[l - 1] ?? 0) + (next[l + 1] ?? 0);
    const error = 1 + (growth[l] ?? 0) + OPERAND_SHARE * operands;
    next[l] = error / (minAlphas[l] as number);
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
