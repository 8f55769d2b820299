/** Numbers that look random and are the same every time and everywhere, quickly. */

/**
 * Evenly distributed numbers (mulberry32), each a float32.
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
    const share = ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    // The goldens are computed with arrays of doubles.
    values[i] = Math.fround(mean + width * (share - 0.5));
  }
  return values;
}

/** Whole numbers from `least` up to, but without, `end`. */
export function integers(count: number, least: number, end: number, seed: number): Int32Array {
  const shares = uniform(count, 0.5, 1 / Math.sqrt(12), seed);
  return Int32Array.from(shares, (share) =>
    Math.min(end - 1, least + Math.floor(share * (end - least))),
  );
}

/**
 * Values of a weight, of a size that keeps activations near 1 and lets no term hide behind a layer scale of
 * 1e-6.
 *
 * @param name the weight's name within its model
 */
export function weightValues(name: string, shape: readonly number[], seed: number): Float32Array {
  const count = shape.reduce((product, size) => product * size, 1);
  if (name.endsWith('/alpha')) return new Float32Array(count).fill(0.5);
  if (name.endsWith('/layer_scale')) return uniform(count, 0, 0.4, seed);
  if (name.endsWith('/gamma')) return uniform(count, 1, 0.2, seed);
  if (name.endsWith('/beta') || name.endsWith('bias')) return uniform(count, 0, 0.2, seed);
  if (name.endsWith('/embeddings')) return uniform(count, 0, 1, seed);
  // [height, width, channels, 1] of a depthwise kernel, [heads, depth, out], else [..., in, out].
  const joined = /depthwise/.test(name) ? 0 : name.includes('attention_output') ? 2 : null;
  const fanIn =
    joined === 0
      ? (shape[0] as number) * (shape[1] as number)
      : /(query|key|value)\/kernel/.test(name)
        ? (shape[0] as number)
        : count / (shape.at(-1) as number);
  return uniform(count, 0, fanIn ** -0.5, seed);
}
