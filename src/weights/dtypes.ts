/** Element types of stored tensors, and their conversion to float32. */

import { CheckpointError } from './errors';
import { float8Table, isFloat8 } from './float8';

/** Element type of a stored tensor, by PyTorch's name (`float32`, `bfloat16`, `int64`, ...). */
export type TensorDType = keyof typeof ITEM_BYTES;

/** The file's own name of an element type that this package does not know, such as `F4`. */
export type UnknownDType = string & Record<never, never>;

const ITEM_BYTES = {
  float64: 8,
  float32: 4,
  float16: 2,
  bfloat16: 2,
  int64: 8,
  int32: 4,
  int16: 2,
  int8: 1,
  uint64: 8,
  uint32: 4,
  uint16: 2,
  uint8: 1,
  bool: 1,
  float8_e4m3fn: 1,
  float8_e5m2: 1,
  float8_e4m3fnuz: 1,
  float8_e5m2fnuz: 1,
  float8_e8m0fnu: 1,
  // Known by size, so that what files say of them is checked; reading one throws `unsupported`.
  complex32: 4,
  complex64: 8,
  complex128: 16,
} as const;

/** Bytes of one element. */
export function itemBytes(dtype: TensorDType): number {
  return ITEM_BYTES[dtype];
}

/** Whether `name` is an element type that this package knows. */
export function isTensorDType(name: string): name is TensorDType {
  return Object.hasOwn(ITEM_BYTES, name);
}

/**
 * Converts stored little-endian elements to float32, writing them from `to[at]` on. Elements that
 * float32 cannot hold are rounded to nearest (64-bit integers by way of float64).
 */
export type FloatConverter = (
  bytes: Uint8Array,
  to: Float32Array,
  at: number,
  count: number,
  /** Distance of neighbouring elements, in elements. Default 1. */
  stride?: number,
) => void;

/** Every `Reader` takes a view and an index into it, in elements. */
type Reader = (view: DataView, index: number) => number;

const READERS: Partial<Record<TensorDType, Reader>> = {
  float64: (v, i) => v.getFloat64(i * 8, true),
  float32: (v, i) => v.getFloat32(i * 4, true),
  int64: (v, i) => Number(v.getBigInt64(i * 8, true)),
  int32: (v, i) => v.getInt32(i * 4, true),
  int16: (v, i) => v.getInt16(i * 2, true),
  int8: (v, i) => v.getInt8(i),
  uint64: (v, i) => Number(v.getBigUint64(i * 8, true)),
  uint32: (v, i) => v.getUint32(i * 4, true),
  uint16: (v, i) => v.getUint16(i * 2, true),
  uint8: (v, i) => v.getUint8(i),
  bool: (v, i) => (v.getUint8(i) === 0 ? 0 : 1),
};

/** Negation inside the type, which wraps around: -(-128) of int8 is -128, -1 of uint8 is 255. */
const NEGATED_READERS: Partial<Record<TensorDType, Reader>> = {
  int64: (v, i) => Number(BigInt.asIntN(64, -v.getBigInt64(i * 8, true))),
  int32: (v, i) => -v.getInt32(i * 4, true) | 0,
  int16: (v, i) => (-v.getInt16(i * 2, true) << 16) >> 16,
  int8: (v, i) => (-v.getInt8(i) << 24) >> 24,
  uint8: (v, i) => -v.getUint8(i) & 0xff,
};

/**
 * The converter of an element type.
 *
 * @param negated whether the values are the negatives of what is stored (PyTorch's negative bit)
 * @throws {CheckpointError} 'unsupported' when the type is unknown or complex, or is to be negated and
 * PyTorch cannot do that (bool, unsigned ones of over 8 bits, floating point of 8 bits)
 */
export function floatConverter(dtype: string, negated = false): FloatConverter {
  const convert = plainConverter(dtype);
  if (!negated) return convert;
  const read = isTensorDType(dtype) ? NEGATED_READERS[dtype] : undefined;
  if (read) return eachBy(read);
  if (!NEGATED_BY_SIGN.includes(dtype)) {
    throw new CheckpointError(
      'unsupported',
      `Tensors of type ${dtype} with the negative bit cannot be read, nor can PyTorch negate them; ` +
        'save what they were made from',
    );
  }
  return (bytes, to, at, count, stride) => {
    convert(bytes, to, at, count, stride);
    const bits = new Uint32Array(to.buffer, to.byteOffset, to.length);
    for (let i = at; i < at + count; i++) bits[i] = (bits[i] as number) ^ 0x80000000;
  };
}

/** Types whose negative is the same number with the other sign, zero and NaN included. */
const NEGATED_BY_SIGN: readonly string[] = ['float64', 'float32', 'float16', 'bfloat16'];

function plainConverter(dtype: string): FloatConverter {
  if (dtype === 'float32') return copyFloat32;
  if (dtype === 'bfloat16') return widen((bits) => bits << 16);
  if (dtype === 'float16') return widen(halfToFloatBits);
  if (isFloat8(dtype)) return lookUp(float8Table(dtype));
  const read = isTensorDType(dtype) ? READERS[dtype] : undefined;
  if (!read) {
    throw new CheckpointError(
      'unsupported',
      `Tensors of type ${dtype} cannot be read; convert them with .float() in PyTorch first`,
    );
  }
  return eachBy(read);
}

function eachBy(read: Reader): FloatConverter {
  return (bytes, to, at, count, stride = 1) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let i = 0; i < count; i++) to[at + i] = read(view, i * stride);
  };
}

// Bit patterns are moved as integers: a NaN that passes through a JavaScript number may come out
// another one, and loading must be bit-exact.
const copyFloat32: FloatConverter = (bytes, to, at, count, stride = 1) => {
  const bits = new Uint32Array(to.buffer, to.byteOffset, to.length);
  if (stride === 1) {
    const target = new Uint8Array(to.buffer, to.byteOffset + at * 4, count * 4);
    target.set(bytes.subarray(0, count * 4));
    return;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let i = 0; i < count; i++) bits[at + i] = view.getUint32(i * stride * 4, true);
};

/** The converter of a 16-bit type, from its bits to those of a float32. */
function widen(toFloatBits: (bits: number) => number): FloatConverter {
  return (bytes, to, at, count, stride = 1) => {
    const bits = new Uint32Array(to.buffer, to.byteOffset, to.length);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let i = 0; i < count; i++)
      bits[at + i] = toFloatBits(view.getUint16(i * stride * 2, true));
  };
}

/** The converter of an 8-bit type, from its bits to those of a float32. */
function lookUp(table: Uint32Array): FloatConverter {
  return (bytes, to, at, count, stride = 1) => {
    const bits = new Uint32Array(to.buffer, to.byteOffset, to.length);
    for (let i = 0; i < count; i++) bits[at + i] = table[bytes[i * stride] as number] as number;
  };
}

/** IEEE 754 binary16 to binary32. */
function halfToFloatBits(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 31) return sign | 0x7f800000 | (fraction << 13);
  if (exponent > 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
  if (fraction === 0) return sign;
  // Subnormal: float32 has the range to write it as a normal number.
  const shift = Math.clz32(fraction) - 21;
  return sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13);
}
