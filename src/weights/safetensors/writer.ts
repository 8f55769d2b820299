/** Writing `.safetensors` files, one tensor in memory at a time. */

import { blobSink, type ByteSink, fileSink } from '../bytes/sink';
import { CheckpointError } from '../errors';
import { LENGTH_BYTES, MAX_HEADER_BYTES } from './header';

/** Element types that are written, by the format's names for them. */
const CODES = {
  float32: { code: 'F32', bytes: 4 },
  int64: { code: 'I64', bytes: 8 },
  int32: { code: 'I32', bytes: 4 },
  uint8: { code: 'U8', bytes: 1 },
} as const;

/** Elements of a tensor, of its type. */
export type Elements = Float32Array | BigInt64Array | Int32Array | Uint8Array;

/** A tensor to write. */
export interface TensorToWrite {
  readonly name: string;
  readonly shape: readonly number[];
  /** Default float32. */
  readonly dtype?: keyof typeof CODES;
  /** Called once, when its turn comes; gives as many elements as `shape` has, of the type. */
  read(): Promise<Elements>;
}

/** Options of {@link writeSafetensors}. */
export interface WriteOptions {
  /** Strings for the header. Default: `{format: 'pt'}`, which Python libraries look for. */
  metadata?: Readonly<Record<string, string>>;
  /** Called after each tensor. */
  onProgress?: (done: number, total: number) => void;
  /** Stops before the next tensor; nothing is left behind. */
  signal?: AbortSignal;
}

const METADATA = '__metadata__';
const ALIGNMENT = 8;

/**
 * Writes tensors to a file (Node), or to a `Blob` where no path is given. Memory: the largest
 * tensor. A failed write leaves no file behind, and an existing one as it was.
 *
 * @throws {CheckpointError} 'io' when the file cannot be written; 'mismatch' when a tensor has not
 * the elements of its shape or two have one name; 'unsupported' when there are too many for a header.
 * @throws `signal.reason` when stopped
 */
export async function writeSafetensors(
  tensors: readonly TensorToWrite[],
  path: string,
  options?: WriteOptions,
): Promise<void>;
export async function writeSafetensors(
  tensors: readonly TensorToWrite[],
  path?: undefined,
  options?: WriteOptions,
): Promise<Blob>;
export async function writeSafetensors(
  tensors: readonly TensorToWrite[],
  path?: string,
  options: WriteOptions = {},
): Promise<Blob | void> {
  // A header that cannot be made is told before a file is.
  makeHeader(tensors, options.metadata ?? {});
  return path === undefined
    ? writeSafetensorsTo(blobSink(), tensors, options)
    : writeSafetensorsTo(await fileSink(path), tensors, options);
}

/**
 * Writes tensors to a sink, which is finished, or aborted when something fails.
 *
 * @throws {CheckpointError} as `writeSafetensors` does, and what the sink throws
 */
export async function writeSafetensorsTo<Result>(
  sink: ByteSink<Result>,
  tensors: readonly TensorToWrite[],
  { metadata = { format: 'pt' }, onProgress, signal }: WriteOptions = {},
): Promise<Result> {
  try {
    await sink.write(makeHeader(tensors, metadata));
    for (const [i, tensor] of tensors.entries()) {
      signal?.throwIfAborted();
      const data = await tensor.read();
      await sink.write(bytesOf(tensor, data));
      onProgress?.(i + 1, tensors.length);
    }
    return await sink.finish();
  } catch (error) {
    await sink.abort();
    throw error;
  }
}

/**
 * Elements as the file has them: the machine's byte order is the file's, as JavaScript runs on
 * little-endian machines only.
 *
 * @throws {CheckpointError} 'mismatch' when there are not as many as the shape has
 */
export function bytesOf({ name, shape }: TensorToWrite, data: Elements): Uint8Array {
  if (data.length !== countOf(shape)) {
    throw new CheckpointError(
      'mismatch',
      `Tensor ${name} has ${data.length} elements, its shape [${shape.join(', ')}] needs ${countOf(shape)}`,
    );
  }
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** The header with its length, padded with spaces so that the tensors are aligned. */
function makeHeader(
  tensors: readonly TensorToWrite[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const header = new Map<string, unknown>([[METADATA, metadata]]);
  let at = 0;
  for (const { name, shape, dtype = 'float32' } of tensors) {
    if (header.has(name)) throw new CheckpointError('mismatch', `Two tensors are named ${name}`);
    const { code, bytes } = CODES[dtype];
    const end = at + bytes * countOf(shape);
    header.set(name, { dtype: code, shape: [...shape], data_offsets: [at, end] });
    at = end;
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const length = Math.ceil(json.byteLength / ALIGNMENT) * ALIGNMENT;
  if (length > MAX_HEADER_BYTES) {
    throw new CheckpointError('unsupported', `${tensors.length} tensors are too many for one file`);
  }
  const bytes = new Uint8Array(LENGTH_BYTES + length).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(json, LENGTH_BYTES);
  return bytes;
}

function countOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
