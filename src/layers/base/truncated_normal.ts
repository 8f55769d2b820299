/** Initial values of kernels: a normal distribution, cut off at two deviations. */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import { EMPTY_KEY, extendKey, Xoshiro } from '../../common/xoshiro';
import { drawSeed } from '../../ops/engine/random';

/** Intervals of equal probability that the values on either side of 0 are divided into. */
const HALF = 2048;
/** Of 32 random bits these tell where in its interval a value lies, the rest which interval that is. */
const FRACTION_BITS = 20;

/** Share of a normal distribution within two deviations. */
const WITHIN_TWO = 0.9544997361036416;

let cached: Float64Array | undefined;

/**
 * The quantiles in deviations, from -2 to 2. Between two of them values are taken for evenly distributed, by which the
 * distribution function is less than 3e-7 off.
 */
function quantiles(): Float64Array {
  if (cached) return cached;
  const table = new Float64Array(2 * HALF + 1);
  const step = 1 / HALF;
  // The quantile function's slope is one over the density; Runge and Kutta's method of fourth order.
  const slope = (z: number) => (WITHIN_TWO / 2) * Math.sqrt(2 * Math.PI) * Math.exp((z * z) / 2);
  let z = 0;
  for (let i = 1; i <= HALF; i++) {
    const first = slope(z);
    const second = slope(z + (step / 2) * first);
    const third = slope(z + (step / 2) * second);
    const fourth = slope(z + step * third);
    z += (step / 6) * (first + 2 * second + 2 * third + fourth);
    table[HALF + i] = Math.min(z, 2);
    table[HALF - i] = -Math.min(z, 2);
  }
  cached = table;
  return table;
}

/** Writes the values that random bits stand for. A function of its own, since engines compile what is called often. */
function writeValues(bits: Uint32Array, values: Float32Array, stddev: number): void {
  const table = quantiles();
  // Bundlers make variables of a module's constants, which engines then read, and powers compute, every time.
  const [bitsOfFraction, mask, unit] = [FRACTION_BITS, 2 ** FRACTION_BITS - 1, 2 ** -FRACTION_BITS];
  for (let i = 0; i < values.length; i++) {
    const drawn = bits[i] as number;
    const interval = drawn >>> bitsOfFraction;
    const low = table[interval] as number;
    const high = table[interval + 1] as number;
    const fraction = (drawn & mask) * unit;
    values[i] = (low + fraction * (high - low)) * stddev;
  }
}

/** Values of mean 0 and deviation `stddev` before the cut, seeded by `Math.random` as those of tfjs are. */
export function truncatedNormalValues(size: number, stddev: number): Float32Array {
  const random = new Xoshiro(extendKey(extendKey(EMPTY_KEY, drawSeed()), drawSeed()));
  const values = new Float32Array(size);
  const bits = new Uint32Array(1024);
  for (let begin = 0; begin < size; begin += bits.length) {
    random.fill(bits);
    writeValues(bits, values.subarray(begin, begin + bits.length), stddev);
  }
  return values;
}

/** An object, so that who needs shapes alone can do without the values. */
export const kernelValues = {
  /** A tensor of `truncatedNormalValues`. */
  ofShape(shape: number[], stddev: number): tf.Tensor {
    return tf.tensor(truncatedNormalValues(tf.util.sizeFromShape(shape), stddev), shape);
  },
};

/** tfjs's initializer of that name, in a quarter of its time. */
export function truncatedNormal(stddev: number): ReturnType<typeof tfl.initializers.zeros> {
  return Object.assign(tfl.initializers.truncatedNormal({ stddev }), {
    apply: (shape: tfl.Shape) => kernelValues.ofShape(shape as number[], stddev),
  });
}
