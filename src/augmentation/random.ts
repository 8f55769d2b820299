/** Seeded randomness of data: a generator is named by numbers, so that none has to be kept. */
import { requireArgument, requireRanges, shown } from '../common/arguments';
import { EMPTY_KEY, extendKey, type Key, Xoshiro } from '../common/xoshiro';

/** What names a generator, or a generator itself, which is drawn from. */
export type Seed = number | SeededRandom;

/** Integers up to here come without bias of 32 bits. */
const MOST = 2 ** 32;

/** A generator of random numbers; `seededRandom` makes one. */
export class SeededRandom {
  private readonly bits: Xoshiro;
  /** The polar method makes normals in pairs. */
  private spare: number | undefined;

  constructor(private readonly key: Key) {
    this.bits = new Xoshiro(key);
  }

  /**
   * Another generator, named by this one's numbers and some more: `seededRandom(1).split(2)` is
   * `seededRandom(1, 2)`. What has been drawn makes no difference, and nothing is drawn.
   *
   * @throws {Error} when one is no safe integer
   */
  split(...numbers: readonly number[]): SeededRandom {
    return new SeededRandom(keyOf('split', this.key, numbers));
  }

  /** A number in [0, 1), a multiple of 2^-53. */
  uniform(): number {
    const high = this.bits.next() >>> 5;
    const low = this.bits.next() >>> 6;
    return (high * 2 ** 26 + low) / 2 ** 53;
  }

  /** A number from `low` up to `high`, uniformly. */
  between(low: number, high: number): number {
    return low + (high - low) * this.uniform();
  }

  /**
   * An integer from 0 to `n - 1`, each as probable as the others.
   *
   * @throws {Error} when `n` is no integer in 1..2^32
   */
  integer(n: number): number {
    if (!(Number.isInteger(n) && n >= 1 && n <= MOST)) {
      throw new Error(`integer: n is ${shown(n)}; expected an integer in 1..2^32`);
    }
    const usable = MOST - (MOST % n);
    let bits = this.bits.next();
    while (bits >= usable) bits = this.bits.next();
    return bits % n;
  }

  /** A normal number of mean 0 and deviation 1 (Marsaglia's polar method). */
  normal(): number {
    const { spare } = this;
    if (spare !== undefined) {
      this.spare = undefined;
      return spare;
    }
    let x: number, y: number, square: number;
    do {
      x = 2 * this.uniform() - 1;
      y = 2 * this.uniform() - 1;
      square = x * x + y * y;
    } while (square >= 1 || square === 0);
    const factor = Math.sqrt((-2 * Math.log(square)) / square);
    this.spare = y * factor;
    return x * factor;
  }

  /**
   * A number of the beta distribution, exactly: Jöhnk's method (1964) up to 1, above it two gammas
   * (Marsaglia and Tsang 2000).
   *
   * @throws {Error} when `a` or `b` is not above 0
   */
  beta(a: number, b: number): number {
    requireRanges('beta', [
      ['a', a, a > 0, 'above 0'],
      ['b', b, b > 0, 'above 0'],
    ]);
    if (a > 1 || b > 1) {
      const x = this.gamma(a);
      return x / (x + this.gamma(b));
    }
    for (;;) {
      const [u, v] = [this.uniform(), this.uniform()];
      const [x, y] = [u ** (1 / a), v ** (1 / b)];
      if (x + y > 1 || u === 0 || v === 0) continue;
      if (x + y > 0) return x / (x + y);
      // Both are too small for a double: the same by their logarithms.
      const [p, q] = [Math.log(u) / a, Math.log(v) / b];
      return 1 / (1 + Math.exp(q - p));
    }
  }

  /** A number of the gamma distribution of scale 1. */
  private gamma(shape: number): number {
    // A smaller shape by a larger one: gamma(a) is gamma(a + 1) * u^(1/a).
    if (shape < 1) return this.gamma(shape + 1) * (1 - this.uniform()) ** (1 / shape);
    const d = shape - 1 / 3;
    const c = 1 / Math.sqrt(9 * d);
    for (;;) {
      const x = this.normal();
      const v = (1 + c * x) ** 3;
      if (v <= 0) continue;
      if (Math.log(1 - this.uniform()) < (x * x) / 2 + d * (1 - v + Math.log(v))) return d * v;
    }
  }

  /**
   * The same elements in another order, each order as probable as the others (Fisher and Yates).
   *
   * @throws {Error} when `list` is no list
   */
  shuffle<T>(list: ArrayLike<T>): T[] {
    const fits = Array.isArray(list) || ArrayBuffer.isView(list);
    requireArgument('shuffle', 'list', list, fits, 'a list, or an array of numbers');
    const order = Array.from(list);
    for (let last = order.length - 1; last > 0; last--) {
      const other = this.integer(last + 1);
      const moved = order[last] as T;
      order[last] = order[other] as T;
      order[other] = moved;
    }
    return order;
  }
}

function keyOf(owner: string, start: Key, numbers: readonly unknown[]): Key {
  return numbers.reduce<Key>((key, number, i) => {
    if (Number.isSafeInteger(number)) return extendKey(key, number as number);
    const name = owner === 'seededRandom' && i === 0 ? 'seed' : `number ${i + 1}`;
    throw new Error(`${owner}: ${name} is ${shown(number)}; expected an integer`);
  }, start);
}

/**
 * A generator of random numbers that is a pure function of integers, for example `seededRandom(seed, epoch,
 * index)` for an example of a data set: the same numbers give the same draws in every process and on every
 * backend, so nothing but them has to be saved. Neighbouring numbers give unrelated draws. (`uniform`,
 * `integer`, `shuffle` are the same in every JavaScript engine; `normal` and `beta` are as exact as its `Math.log`.)
 *
 * @param seed a safe integer
 * @param numbers more of them; their order and number count
 * @throws {Error} when one is no safe integer
 */
export function seededRandom(seed: number, ...numbers: readonly number[]): SeededRandom {
  return new SeededRandom(keyOf('seededRandom', EMPTY_KEY, [seed, ...numbers]));
}

/** The generator that an option asks for; a new one of no fixed seed where it asks for none. */
export function randomOf(owner: string, seed: unknown): SeededRandom {
  if (seed === undefined) return seededRandom(Math.floor(Math.random() * 2 ** 53));
  // By shape: the package may be there twice, as ESM and as CommonJS.
  const { uniform, split } = (seed ?? {}) as Partial<SeededRandom>;
  if (typeof uniform === 'function' && typeof split === 'function') return seed as SeededRandom;
  const fits = Number.isSafeInteger(seed);
  requireArgument(owner, 'seed', seed, fits, 'an integer, or what seededRandom gives');
  return seededRandom(seed as number);
}
