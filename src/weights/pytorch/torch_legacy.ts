/**
 * The form of `torch.save` before PyTorch 1.6 (and of `_use_new_zipfile_serialization=False`): five
 * pickles one after another (magic number, version, machine, value, storage names), then for every
 * storage its length and its bytes.
 */

import type { ByteSource } from '../bytes/byte_source';
import { CheckpointError } from '../errors';
import { readPickle } from '../pickle/pickle';
import { isStorage, PickleDict, type PickleValue, type StorageRef } from '../pickle/values';
import { MAX_PICKLE_BYTES, storageBytes, type TorchFile } from './torch_file';
import { TORCH_HOOKS } from './torch_objects';

const MAGIC = 0x1950a86a20f9469cfc6cn;
const VERSION = 1001;
const LENGTH_BYTES = 8;
const PIECE_BYTES = 4 << 20;
/** The pickles of nearly all files; what follows are the storages. */
const HEAD_BYTES = 1 << 18;

const SAVE_AGAIN =
  'load it with PyTorch and save it again: torch.save(..., _use_new_zipfile_serialization=True)';

/**
 * Opens the legacy form.
 *
 * @throws {CheckpointError} 'format' when it is another pickle; 'unsupported' when it is of a
 * big-endian machine or another version; 'corrupt' when it is damaged.
 */
export async function openTorchLegacy(source: ByteSource): Promise<TorchFile> {
  const shortest = Math.min(source.size, HEAD_BYTES);
  const longest = Math.min(source.size, MAX_PICKLE_BYTES);
  try {
    return openHead(source, await source.read(0, shortest));
  } catch (error) {
    // Cut short, its pickles seem damaged, or to be none of PyTorch's.
    const isCut = error instanceof CheckpointError && error.code === 'corrupt';
    if (!isCut || longest === shortest) throw error;
    return openHead(source, await source.read(0, longest));
  }
}

/** The file, whose pickles are in its first bytes. */
function openHead(source: ByteSource, head: Uint8Array): TorchFile {
  const refs = new Map<string, StorageRef>();
  const hooks = {
    ...TORCH_HOOKS,
    // Only the value says what type a storage has, and so how many bytes follow its length.
    persistent: (id: PickleValue): PickleValue => {
      const value = TORCH_HOOKS.persistent(id);
      if (isStorage(value)) refs.set(value.key, value);
      return value;
    },
  };
  let at = 0;
  const next = (): PickleValue => {
    const { value, end } = readPickle(head, hooks, at);
    at = end;
    return value;
  };
  if (next() !== MAGIC) {
    throw new CheckpointError('format', `The file is a pickle, but not PyTorch's; ${SAVE_AGAIN}`);
  }
  const version = next();
  const machine = next();
  const little = machine instanceof PickleDict ? machine.get('little_endian') : undefined;
  if (version !== VERSION || little !== true) {
    throw new CheckpointError(
      'unsupported',
      `The file's version or byte order is not known; ${SAVE_AGAIN}`,
    );
  }
  const value = next();
  const keys = next();
  const places = placeStorages(keys, refs, at);
  const end = [...places.values()].reduce(
    (last, place) => Math.max(last, place.offset + place.bytes),
    at,
  );
  if (end !== source.size) {
    throw new CheckpointError(
      'corrupt',
      `The file has ${source.size} bytes, its storages need ${end}; it is cut short or damaged`,
    );
  }
  return {
    value,
    storage: (ref) => {
      const place = places.get(ref.key);
      if (!place || place.ref.length !== ref.length) {
        throw new CheckpointError('corrupt', `Storage ${ref.key} is not in the file`);
      }
      return { bytes: place.bytes, read: (...range) => readStorage(source, place, ...range) };
    },
    close: async () => undefined,
  };
}

interface Place {
  readonly ref: StorageRef;
  /** First byte, after the storage's length. */
  readonly offset: number;
  readonly bytes: number;
}

/** Where the storages are: one after another in the order of `keys`, each after its length. */
function placeStorages(
  keys: PickleValue,
  refs: ReadonlyMap<string, StorageRef>,
  start: number,
): Map<string, Place> {
  if (!Array.isArray(keys)) throw new CheckpointError('corrupt', 'The storage names are missing');
  const places = new Map<string, Place>();
  let at = start;
  for (const key of keys) {
    const ref = typeof key === 'string' ? refs.get(key) : undefined;
    if (!ref || places.has(ref.key)) {
      throw new CheckpointError('corrupt', 'A storage is listed twice, or no tensor refers to it');
    }
    const place = { ref, offset: at + LENGTH_BYTES, bytes: storageBytes(ref) };
    places.set(ref.key, place);
    at = place.offset + place.bytes;
  }
  return places;
}

async function readStorage(
  source: ByteSource,
  { ref, offset, bytes }: Place,
  start: number,
  length: number,
  take: (piece: Uint8Array) => void,
): Promise<void> {
  if (!(start + length <= bytes)) throw new CheckpointError('corrupt', 'A tensor is out of range');
  const field = await source.read(offset - LENGTH_BYTES, LENGTH_BYTES);
  const stored = new DataView(field.buffer, field.byteOffset, LENGTH_BYTES).getBigInt64(0, true);
  if (stored !== BigInt(ref.length)) {
    throw new CheckpointError(
      'corrupt',
      `Storage ${ref.key} has ${stored} elements, the tensors on it say ${ref.length}`,
    );
  }
  for (let done = 0; done < length;) {
    const count = Math.min(PIECE_BYTES, length - done);
    take(await source.read(offset + start + done, count));
    done += count;
  }
}
