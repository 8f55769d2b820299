/** A small generator of random bits, the same in every engine: xoshiro128**. */

/** MurmurHash3's finalizer, a bijection in which every bit of the input moves every bit of the output. */
function mixBits(bits: number): number {
  let h = bits;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** 128 bits that a list of numbers comes to. */
export type Key = readonly [number, number, number, number];

/** Digits of pi: what no number has been mixed into yet. */
export const EMPTY_KEY: Key = [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344];

/**
 * The key of a list of numbers, by the key of the list without the last: four hashes of the list that
 * start from different numbers, so that neighbours have nothing in common.
 *
 * @param number a safe integer; all 53 bits and the sign count
 */
export function extendKey(key: Key, number: number): Key {
  const words = [number, Math.floor(number / 2 ** 32)];
  const lane = (i: 0 | 1 | 2 | 3) =>
    words.reduce((h, word) => mixBits(((h ^ word) + EMPTY_KEY[i]) | 0), key[i]);
  return [lane(0), lane(1), lane(2), lane(3)];
}

const rotate = (x: number, bits: number) => (x << bits) | (x >>> (32 - bits));

/**
 * xoshiro128** 1.1 (Blackman and Vigna 2021, "Scrambled linear pseudorandom number generators", ACM
 * TOMS 47): period 2^128 - 1.
 */
export class Xoshiro {
  private a: number;
  private b: number;
  private c: number;
  private d: number;

  /** @param key four words of 32 bits that are not all 0 */
  constructor(key: Key) {
    [this.a, this.b, this.c, this.d] = key;
    // Of 0 there would never come anything else.
    if ((this.a | this.b | this.c | this.d) === 0) this.a = 1;
  }

  /** The next 32 bits, as an integer from 0. */
  next(): number {
    const { a, b } = this;
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9);
    const c = this.c ^ a;
    const d = this.d ^ b;
    this.b = b ^ c;
    this.a = a ^ d;
    this.c = c ^ (b << 9);
    this.d = rotate(d, 11);
    return result >>> 0;
  }

  /** Fills `bits` with the next ones, in a fraction of the time of as many calls of `next`. */
  fill(bits: Uint32Array): void {
    let { a, b, c, d } = this;
    for (let i = 0; i < bits.length; i++) {
      bits[i] = Math.imul(rotate(Math.imul(b, 5), 7), 9);
      const shifted = b << 9;
      c ^= a;
      d ^= b;
      b ^= c;
      a ^= d;
      c ^= shifted;
      d = rotate(d, 11);
    }
    [this.a, this.b, this.c, this.d] = [a, b, c, d];
  }
}
