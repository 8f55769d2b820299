/** Strided windows on storages: checked against the storage, and read as contiguous float32. */

import type { FloatConverter } from './dtypes';
import { floatConverter, isTensorDType, itemBytes } from './dtypes';
import { CheckpointError } from './errors';

/** A window whose every element lies inside its storage, or of an unknown type, which is never read. */
export interface CheckedView {
  readonly dtype: string;
  readonly shape: readonly number[];
  /** In elements, one per dimension. */
  readonly strides: readonly number[];
  /** First element, in elements. */
  readonly offset: number;
  /** Number of elements. */
  readonly count: number;
  /** Whether the values are the negatives of what is stored. */
  readonly negated: boolean;
  /** Bytes of its elements, of an unknown type those of the storage. */
  readonly bytes: number;
}

/** Hands the bytes `[offset, offset + length)` of a storage to `take`, in order, in pieces. */
export type StorageReader = (
  offset: number,
  length: number,
  take: (piece: Uint8Array) => void,
) => Promise<void>;

/** A window may repeat elements (`expand`), but a small file must not ask for a huge memory. */
const MAX_REPEATED = 1 << 24;

/** Bytes of a storage that are held while a strided window is gathered. */
const GATHER_BYTES = 16 << 20;

/**
 * Checks a window that a file describes.
 *
 * @param storageBytes size of the storage in the file.
 * @throws {CheckpointError} 'corrupt' when it reaches outside; 'unsupported' when the window repeats a
 * few elements many millions of times.
 */
export function checkView(
  name: string,
  view: {
    dtype: string;
    shape: readonly number[];
    strides: readonly number[];
    offset: number;
    negated?: boolean;
  },
  storageBytes: number,
): CheckedView {
  const { dtype, shape, strides, offset, negated = false } = view;
  const count = shape.includes(0) ? 0 : shape.reduce((product, size) => product * size, 1);
  if (!isTensorDType(dtype)) {
    return { dtype, shape, strides, offset, count, negated, bytes: storageBytes };
  }
  const capacity = Math.floor(storageBytes / itemBytes(dtype));
  const last = shape.reduce((sum, size, d) => sum + (size - 1) * (strides[d] ?? 0), offset);
  // An empty window touches nothing, wherever it says that it begins.
  if (count > 0 && !(last < capacity)) {
    throw new CheckpointError(
      'corrupt',
      `Tensor ${name} of shape [${shape.join(', ')}] reaches element ${last} of a storage that ` +
        `has ${capacity}`,
    );
  }
  if (count > capacity + MAX_REPEATED) {
    throw new CheckpointError(
      'unsupported',
      `Tensor ${name} repeats ${capacity} elements to ${count}; call .contiguous() before saving`,
    );
  }
  const bytes = count * itemBytes(dtype);
  return { dtype, shape, strides, offset, count, negated, bytes };
}

/** Bytes that reading a window goes through: those between its ends, or those of its repeats. */
export function bytesToRead({ dtype, shape, strides, count }: CheckedView): number {
  if (count === 0 || !isTensorDType(dtype)) return 0;
  const span = shape.reduce((sum, size, d) => sum + (size - 1) * (strides[d] ?? 0), 1);
  return Math.max(span, count) * itemBytes(dtype);
}

interface Dimension {
  readonly size: number;
  readonly stride: number;
  /** Stride of the contiguous result. */
  readonly out: number;
}

/**
 * Reads a window as contiguous float32. Memory: the result, and at most 16 MB beside it.
 *
 * @throws {CheckpointError} 'unsupported' when the type has no float32 form; and what `read` throws.
 */
export async function readView(view: CheckedView, read: StorageReader): Promise<Float32Array> {
  const convert = floatConverter(view.dtype, view.negated);
  const item = view.bytes / view.count;
  const out = new Float32Array(view.count);
  if (view.count === 0) return out;
  const dimensions = mergeDimensions(view);
  if (dimensions.length === 0 || (dimensions.length === 1 && dimensions[0]?.stride === 1)) {
    await readContiguous(view, read, out, item, convert);
    return out;
  }

  const gather = async (from: Dimension[], base: number, at: number): Promise<void> => {
    const span = 1 + from.reduce((sum, d) => sum + (d.size - 1) * d.stride, 0);
    if (span * item <= GATHER_BYTES) {
      const bytes = await collect(read, base * item, span * item);
      // In the result's order, whose last dimension the converter does in one go.
      const inOrder = [...from].sort((a, b) => b.out - a.out);
      gatherFrom(bytes, 0, inOrder, at);
      return;
    }
    // Too far apart to hold at once: the dimension with the longest steps goes in parts.
    const [first, ...rest] = from as [Dimension, ...Dimension[]];
    const inner = 1 + rest.reduce((sum, d) => sum + (d.size - 1) * d.stride, 0);
    const fits = Math.floor((GATHER_BYTES / item - inner) / first.stride) + 1;
    const part = Math.max(1, fits);
    for (let i = 0; i < first.size; i += part) {
      const size = Math.min(part, first.size - i);
      const block = size === 1 ? rest : [{ ...first, size }, ...rest];
      await gather(block, base + i * first.stride, at + i * first.out);
    }
  };
  const gatherFrom = (bytes: Uint8Array, base: number, from: Dimension[], at: number): void => {
    const [first, ...rest] = from;
    if (!first) convert(bytes.subarray(base * item), out, at, 1);
    else if (rest.length === 0 && first.out === 1) {
      convert(bytes.subarray(base * item), out, at, first.size, first.stride);
    } else {
      for (let i = 0; i < first.size; i++) {
        gatherFrom(bytes, base + i * first.stride, rest, at + i * first.out);
      }
    }
  };
  await gather(dimensions, view.offset, 0);
  return out;
}

/**
 * The window's dimensions, longest steps first, without those of size one, and with neighbours that
 * step through memory as one merged.
 */
function mergeDimensions({ shape, strides }: CheckedView): Dimension[] {
  const merged: Dimension[] = [];
  let out = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    const size = shape[d] as number;
    const stride = strides[d] as number;
    const inner = merged[0];
    if (size !== 1) {
      if (inner && stride === inner.stride * inner.size) {
        merged[0] = { ...inner, size: size * inner.size };
      } else merged.unshift({ size, stride, out });
    }
    out *= size;
  }
  return merged.sort((a, b) => b.stride - a.stride);
}

async function readContiguous(
  { offset, count }: CheckedView,
  read: StorageReader,
  out: Float32Array,
  item: number,
  convert: FloatConverter,
): Promise<void> {
  let at = 0;
  // Pieces of an unpacked stream may end inside an element.
  let rest = new Uint8Array(0);
  await read(offset * item, count * item, (piece) => {
    let bytes = piece;
    if (rest.byteLength > 0) {
      bytes = new Uint8Array(rest.byteLength + piece.byteLength);
      bytes.set(rest);
      bytes.set(piece, rest.byteLength);
    }
    const whole = Math.floor(bytes.byteLength / item);
    convert(bytes, out, at, whole);
    at += whole;
    rest = bytes.slice(whole * item);
  });
}

async function collect(read: StorageReader, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let at = 0;
  await read(offset, length, (piece) => {
    bytes.set(piece, at);
    at += piece.byteLength;
  });
  return bytes;
}
