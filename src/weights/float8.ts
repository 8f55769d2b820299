/** Floating point of 8 bits: every number of each type, as the bits of a float32. */

/** How a type uses its 256 patterns; a sign bit comes first where there is one. */
interface Float8Format {
  /** Bits of the fraction, the lowest. */
  readonly fraction: number;
  readonly bias: number;
  /**
   * `ieee`: the highest exponent means infinity and NaN; `finite`: of it only the last pattern is
   * NaN, all others are numbers; `unsigned zero`: the pattern of a negative zero is the one NaN.
   */
  readonly special: 'ieee' | 'finite' | 'unsigned zero';
}

/**
 * The types of `torch` and of safetensors that have a sign. E4M3 and E5M2 are those of "FP8 formats for
 * deep learning" (arXiv 2209.05433, table 1), `fnuz` those of arXiv 2206.02915.
 */
const FORMATS = {
  float8_e4m3fn: { fraction: 3, bias: 7, special: 'finite' },
  float8_e5m2: { fraction: 2, bias: 15, special: 'ieee' },
  float8_e4m3fnuz: { fraction: 3, bias: 8, special: 'unsigned zero' },
  float8_e5m2fnuz: { fraction: 2, bias: 16, special: 'unsigned zero' },
} as const satisfies Readonly<Record<string, Float8Format>>;

/** PyTorch's names of these types. `float8_e8m0fnu` (OCP microscaling formats) is 2 ** (byte - 127). */
export type Float8DType = keyof typeof FORMATS | 'float8_e8m0fnu';

export function isFloat8(dtype: string): dtype is Float8DType {
  return dtype === 'float8_e8m0fnu' || Object.hasOwn(FORMATS, dtype);
}

/** Bits that PyTorch gives the NaN of types which have no other. */
const ONE_NAN = 0x7f800001;

const tables = new Map<Float8DType, Uint32Array>();

/** Bits of the float32 that equals each of the 256 patterns; every one can be held exactly. */
export function float8Table(dtype: Float8DType): Uint32Array {
  let table = tables.get(dtype);
  if (!table) {
    table = Uint32Array.from({ length: 256 }, (_, byte) =>
      dtype === 'float8_e8m0fnu' ? powerBits(byte) : signedBits(byte, FORMATS[dtype]),
    );
    tables.set(dtype, table);
  }
  return table;
}

function powerBits(byte: number): number {
  return byte === 255 ? ONE_NAN : bitsOf(2 ** (byte - 127));
}

function signedBits(byte: number, { fraction: bits, bias, special }: Float8Format): number {
  const sign = (byte & 0x80) << 24;
  const magnitude = byte & 0x7f;
  const exponent = magnitude >> bits;
  const fraction = (magnitude & ((1 << bits) - 1)) / (1 << bits);
  if (special === 'unsigned zero' && byte === 0x80) return ONE_NAN;
  if (special === 'finite' && magnitude === 0x7f) return sign | 0x7ff00000;
  if (special === 'ieee' && exponent === 0x7f >> bits) {
    // A NaN keeps its fraction, and becomes a quiet one as by any arithmetic.
    return sign | 0x7f800000 | (fraction === 0 ? 0 : 0x400000 | (fraction * 0x800000));
  }
  const value =
    exponent === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (exponent - bias);
  return sign | bitsOf(value);
}

function bitsOf(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0] as number;
}
