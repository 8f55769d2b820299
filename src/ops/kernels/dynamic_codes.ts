/**
 * Dynamic 8-bit codes of numbers between -1 and 1 (Dettmers et al. 2021, arXiv 2110.02861, section 1.3;
 * Dettmers 2016, arXiv 1511.04561). Seven decades down from 1 are divided evenly, each into twice as
 * many parts as the one below it, and a code stands for the middle of a part: large numbers are told
 * apart finely, and small ones still at all.
 */

/** Decades that codes reach down. */
const DECADES = 7;

/** Middles of parts, ascending; the topmost decade has `parts` of them. */
function middles(parts: number): number[] {
  return Array.from({ length: DECADES }, (_, i) => {
    const count = parts / 2 ** (DECADES - 1 - i);
    const top = 10 ** (i + 1 - DECADES);
    return Array.from({ length: count }, (_, k) => top * (0.1 + (0.9 * (k + 0.5)) / count));
  }).flat();
}

/** What codes stand for, ascending, and how to find the code of a number above 0. */
export interface DynamicCodes {
  /** Number of each code. */
  values: Float32Array;
  /** Code of 0. */
  zero: number;
  /** Of each code, the number in the middle between it and the next one. */
  middles: Float32Array;
  /**
   * The code at the lower end of each stretch of numbers that share exponent and the first bits of
   * their mantissa; no stretch reaches beyond the next code. See `codeOf`.
   */
  lowest: Uint8Array;
}

/** Bits of the mantissa that tell stretches apart. */
const STRETCH_BITS = 7;

/** Numbers with smaller bits than this have the code of 0. */
const FIRST_BITS = 0x33800000;

/** Stretches from there up to 1, which has one for itself. */
const STRETCHES = ((0x3f800000 - FIRST_BITS) >> (23 - STRETCH_BITS)) + 1;

/** A number and its bits. */
const scratch = new Float32Array(1);
const scratchBits = new Int32Array(scratch.buffer);

function toCodes(negative: readonly number[], positive: readonly number[]): DynamicCodes {
  const values = Float32Array.from([...negative.map((x) => -x).reverse(), 0, ...positive, 1]);
  const zero = negative.length;
  const between = values.map((value, code) =>
    code + 1 < values.length ? (value + (values[code + 1] as number)) / 2 : Infinity,
  );
  const lowest = new Uint8Array(STRETCHES);
  let code = zero;
  for (let i = 0; i < STRETCHES; i++) {
    scratchBits[0] = FIRST_BITS + (i << (23 - STRETCH_BITS));
    while ((scratch[0] as number) > (between[code] as number)) code++;
    lowest[i] = code;
  }
  return { values, zero, middles: between, lowest };
}

/** Codes of numbers of either sign, for means of gradients. */
export const SIGNED_CODES = toCodes(middles(64), middles(64));

/** Codes of numbers from 0, for means of squares. */
export const UNSIGNED_CODES = toCodes([], middles(128));

/** The code nearest to a number from 0 to 1. */
export function codeOf({ lowest, middles: between }: DynamicCodes, value: number): number {
  scratch[0] = value;
  const stretch = ((scratchBits[0] as number) - FIRST_BITS) >> (23 - STRETCH_BITS);
  const code = lowest[Math.min(Math.max(stretch, 0), STRETCHES - 1)] as number;
  return (scratch[0] as number) > (between[code] as number) ? code + 1 : code;
}
