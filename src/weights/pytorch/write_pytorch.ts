/** Writing `.pth` files, as `torch.save` does: one tensor in memory at a time. */

import { blobSink, type ByteSink, fileSink } from '../bytes/sink';
import { CheckpointError } from '../errors';
import { type PickledValue, TensorToPickle, writePickle } from '../pickle/writer';
import { bytesOf, type TensorToWrite, type WriteOptions } from '../safetensors/writer';
import { ZipWriter } from '../zip/writer';

/** PyTorch's class of the storage of each type. */
const STORAGES = {
  float32: 'FloatStorage',
  int64: 'LongStorage',
  int32: 'IntStorage',
  uint8: 'ByteStorage',
} as const satisfies Record<NonNullable<TensorToWrite['dtype']>, string>;

/** Folder that PyTorch's files have everything in. */
const FOLDER = 'archive';

/**
 * Writes a state dict with what stands beside it, to a file (Node), or to a `Blob` where no path is
 * given. A failed write leaves no file behind, and an existing one as it was.
 *
 * @param contentOf the value that is saved, given the state dict
 * @throws {CheckpointError} 'io' when the file cannot be written; 'mismatch' when two tensors have one name
 * @throws `signal.reason` when stopped
 */
export async function writePyTorch(
  tensors: readonly TensorToWrite[],
  contentOf: (stateDict: PickledValue) => PickledValue,
  path: string | undefined,
  options: Omit<WriteOptions, 'metadata'> = {},
): Promise<Blob | undefined> {
  const stateDict = new Map<string, PickledValue>();
  tensors.forEach(({ name, shape, dtype }, i) => {
    if (stateDict.has(name)) throw new CheckpointError('mismatch', `Two tensors are named ${name}`);
    const storage = STORAGES[dtype ?? 'float32'];
    stateDict.set(name, new TensorToPickle(String(i), storage, shape));
  });
  const pickle = writePickle(contentOf(stateDict));
  if (path === undefined) return writeTo(blobSink(), pickle, tensors, options);
  await writeTo(await fileSink(path), pickle, tensors, options);
  return undefined;
}

async function writeTo<Result>(
  sink: ByteSink<Result>,
  pickle: Uint8Array,
  tensors: readonly TensorToWrite[],
  { onProgress, signal }: Omit<WriteOptions, 'metadata'>,
): Promise<Result> {
  const zip = new ZipWriter(sink);
  const text = (content: string) => new TextEncoder().encode(content);
  try {
    await zip.add(`${FOLDER}/data.pkl`, pickle);
    await zip.add(`${FOLDER}/byteorder`, text('little'));
    for (const [i, tensor] of tensors.entries()) {
      signal?.throwIfAborted();
      await zip.add(`${FOLDER}/data/${i}`, bytesOf(tensor, await tensor.read()));
      onProgress?.(i + 1, tensors.length);
    }
    await zip.add(`${FOLDER}/version`, text('3\n'));
    await zip.end();
    return await sink.finish();
  } catch (error) {
    await sink.abort();
    throw error;
  }
}
