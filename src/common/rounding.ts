/** Rounding as Python does it. */

/** Python's `round`: halves go to the even neighbour. */
export function roundHalfToEven(x: number): number {
  const rounded = Math.round(x);
  return rounded - x === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}
