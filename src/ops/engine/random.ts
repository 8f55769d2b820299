/**
 * Repeatable randomness. tfjs random ops without a seed of their own draw one from `Math.random`,
 * so replacing it for the length of a synchronous call makes any layer repeat itself exactly.
 */

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

/** A fresh 32-bit seed from `Math.random`. */
export function drawSeed(): number {
  return Math.floor(Math.random() * 4294967296) >>> 0;
}

/** Derives an independent seed for a place in the network, for example (column, level, function). */
export function deriveSeed(seed: number, ...place: number[]): number {
  let h = seed >>> 0;
  for (const p of place) {
    h = Math.imul(h ^ (p + 0x9e3779b9), 0x85ebca6b) >>> 0;
    h = (h ^ (h >>> 13)) >>> 0;
    h = Math.imul(h, 0xc2b2ae35) >>> 0;
    h = (h ^ (h >>> 16)) >>> 0;
  }
  return h;
}

/** Runs the synchronous `fn` with `Math.random` replaced by a generator seeded with `seed`. */
export function withSeededRandom<T>(seed: number, fn: () => T): T {
  const original = Math.random;
  Math.random = seededRandom(seed);
  try {
    return fn();
  } finally {
    Math.random = original;
  }
}
