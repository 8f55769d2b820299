/** Repeatable randomness for the examples. */

/** A uniform generator on [0, 1) with 32 bits of state (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/**
 * Makes everything in this process that draws from `Math.random` repeatable, tfjs's initial weights
 * and dropout included.
 */
export function seedEverything(seed: number): void {
  Math.random = seededRandom(seed);
}
