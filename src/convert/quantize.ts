/** Weights in fewer bits, as tfjs stores them. */
import type * as tf from '@tensorflow/tfjs-core';

import { CheckpointError } from '../weights/errors';

/** Precision that kernels are stored in. Vectors (biases, norms, alphas) always stay float32. */
export type WeightDType = 'float32' | 'float16' | 'uint8';

export const WEIGHT_DTYPES: readonly WeightDType[] = ['float32', 'float16', 'uint8'];

const ITEM_BYTES: Record<WeightDType, number> = { float32: 4, float16: 2, uint8: 1 };

/** Largest finite float16. */
const FLOAT16_MAX = 65504;

/** What a weight file's manifest says of one stored weight. */
export type Quantization = NonNullable<tf.io.WeightsManifestEntry['quantization']>;

export interface StoredWeight {
  bytes: Uint8Array;
  quantization?: Quantization;
}

/** The precision that a weight of this shape is stored in: a vector costs little and matters. */
export function storedDType(shape: readonly number[], dtype: WeightDType): WeightDType {
  return shape.length < 2 ? 'float32' : dtype;
}

/** Bytes that a weight takes in the file. */
export function storedBytes(shape: readonly number[], dtype: WeightDType): number {
  const elements = shape.reduce((product, size) => product * size, 1);
  return elements * ITEM_BYTES[storedDType(shape, dtype)];
}

/**
 * Encodes a weight.
 *
 * @param name used in messages
 * @throws {CheckpointError} 'unsupported' when there are values that the precision cannot hold
 */
export function encodeWeight(
  name: string,
  values: Float32Array,
  shape: readonly number[],
  dtype: WeightDType,
): StoredWeight {
  switch (storedDType(shape, dtype)) {
    case 'float32':
      return { bytes: bytesOf(values) };
    case 'float16':
      return {
        bytes: bytesOf(toFloat16(name, values)),
        quantization: { dtype: 'float16' },
      };
    case 'uint8':
      return toUint8(name, values);
  }
}

function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/**
 * Affine, `value = min + scale * byte` with one scale per weight, as tensorflowjs_converter does
 * it: the range is moved so that 0 stays exactly 0.
 */
function toUint8(name: string, values: Float32Array): StoredWeight {
  let min = 0;
  let max = 0;
  for (const value of values) {
    if (!Number.isFinite(value)) throw unfit(name, value, 'uint8');
    if (value < min) min = value;
    if (value > max) max = value;
  }
  const scale = max > min ? (max - min) / 255 : 1;
  const zero = Math.round(-min / scale);
  const bytes = new Uint8Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const step = Math.round((values[i] as number) / scale) + zero;
    bytes[i] = step < 0 ? 0 : step > 255 ? 255 : step;
  }
  return {
    bytes,
    quantization: { dtype: 'uint8', min: -zero * scale, scale },
  };
}

/**
 * Bits of the nearest float16, halves to the even neighbour, as IEEE 754 says.
 *
 * @throws {CheckpointError} 'unsupported' when there are values that float16 cannot hold
 */
export function toFloat16(name: string, values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    // Beyond halfway to the next step a value would round to infinity.
    if (!(Math.abs(value) < FLOAT16_MAX + 16)) throw unfit(name, value, 'float16');
    halves[i] = halfBits(bits[i] as number);
  }
  return halves;
}

/** Bits of a finite float32 to those of the nearest float16. */
function halfBits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const exponent = ((bits >>> 23) & 0xff) - 112;
  const fraction = bits & 0x7fffff;
  if (exponent > 0) return sign | ((exponent << 10) + dropBits(fraction, 13));
  // Below 2 ** -14 float16 is subnormal, below 2 ** -25 it is zero.
  if (exponent < -10) return sign;
  return sign | dropBits(fraction | 0x800000, 14 - exponent);
}

/** Rounds off the lowest bits, halves to the even neighbour. */
function dropBits(mantissa: number, count: number): number {
  const half = 1 << (count - 1);
  const kept = mantissa >>> count;
  const rest = mantissa & ((1 << count) - 1);
  return kept + (rest > half || (rest === half && (kept & 1) === 1) ? 1 : 0);
}

function unfit(name: string, value: number, dtype: WeightDType): CheckpointError {
  return new CheckpointError(
    'unsupported',
    `${name} holds ${value}, which ${dtype} cannot store; convert to float32, or mend the weights`,
  );
}
