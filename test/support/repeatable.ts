/**
 * What tests draw without a seed of their own, initial weights above all: the same in every run, whichever tests run
 * before. `REVCOL_SEED=2 npm test` draws others.
 */
import { EMPTY_KEY, extendKey, Xoshiro } from '../../src/common/xoshiro';

const SEED = Number(process.env.REVCOL_SEED ?? 1);

/** Starts `Math.random` anew. */
export function repeatRandomness(): void {
  const generator = new Xoshiro(extendKey(EMPTY_KEY, SEED));
  // All 53 bits, as engines give them.
  Math.random = () => (generator.next() * 2 ** 21 + (generator.next() >>> 11)) / 2 ** 53;
}
