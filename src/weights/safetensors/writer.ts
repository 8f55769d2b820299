/** Writing `.safetensors` files: float32, one tensor in memory at a time. */

import { blobSink, type ByteSink, fileSink } from '../bytes/sink';
import { CheckpointError } from '../errors';
import { LENGTH_BYTES, MAX_HEADER_BYTES } from './header';

/** A tensor to write. */
export interface TensorToWrite {
  readonly name: string;
  readonly shape: readonly number[];
  /** Called once, when its turn comes; gives as many elements as `shape` has. */
  read(): Promise<Float32Array>;
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
  const header = makeHeader(tensors, options.metadata ?? { format: 'pt' });
  return path === undefined
    ? writeTo(blobSink(), header, tensors, options)
    : writeTo(await fileSink(path), header, tensors, options);
}

async function writeTo<Result>(
  sink: ByteSink<Result>,
  header: Uint8Array,
  tensors: readonly TensorToWrite[],
  { onProgress, signal }: WriteOptions,
): Promise<Result> {
  try {
    await sink.write(header);
    for (const [i, tensor] of tensors.entries()) {
      signal?.throwIfAborted();
      const data = await tensor.read();
      if (data.length !== countOf(tensor.shape)) {
        throw new CheckpointError(
          'mismatch',
          `Tensor ${tensor.name} has ${data.length} elements, its shape ` +
            `[${tensor.shape.join(', ')}] needs ${countOf(tensor.shape)}`,
        );
      }
      // The machine's byte order is the file's: JavaScript runs on little-endian machines only.
      await sink.write(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      onProgress?.(i + 1, tensors.length);
    }
    return await sink.finish();
  } catch (error) {
    await sink.abort();
    throw error;
  }
}

/** The header with its length, padded with spaces so that the tensors are aligned. */
function makeHeader(
  tensors: readonly TensorToWrite[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const header = new Map<string, unknown>([[METADATA, metadata]]);
  let at = 0;
  for (const { name, shape } of tensors) {
    if (header.has(name)) throw new CheckpointError('mismatch', `Two tensors are named ${name}`);
    const end = at + 4 * countOf(shape);
    header.set(name, { dtype: 'F32', shape: [...shape], data_offsets: [at, end] });
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
