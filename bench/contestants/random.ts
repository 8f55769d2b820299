/** Numbers that look random and are the same every time, quickly. */

/**
 * Evenly distributed numbers (mulberry32).
 *
 * @param mean of the numbers
 * @param deviation of the numbers: they lie within `mean` plus or minus the square root of 3 times this
 */
export function uniform(
  count: number,
  mean: number,
  deviation: number,
  seed: number,
): Float32Array {
  const values = new Float32Array(count);
  const width = 2 * Math.sqrt(3) * deviation;
  let state = Math.imul(seed + 1, 0x9e3779b1);
  for (let i = 0; i < count; i++) {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    values[i] = mean + width * (((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32 - 0.5);
  }
  return values;
}
