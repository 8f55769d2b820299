/** What the two forms of PyTorch file have in common. */

import { itemBytes } from '../dtypes';
import type { PickleValue, StorageRef } from '../pickle/values';
import type { StorageReader } from '../tensor_view';

/** A value, and the bytes of the storages it refers to. */
export interface TorchFile {
  readonly value: PickleValue;
  /**
   * Size and reader of a storage.
   *
   * @throws {CheckpointError} 'corrupt' when it is absent or of another size than claimed.
   */
  storage(ref: StorageRef): { readonly bytes: number; readonly read: StorageReader };
  close(): Promise<void>;
}

/** Longest pickle read. RevCol-H's has 0.2 MB, a log of 300 000 NumPy scalars 16 MB. */
export const MAX_PICKLE_BYTES = 24 << 20;

/** Bytes of a storage with the number of elements it claims. */
export function storageBytes(ref: StorageRef): number {
  return ref.length * (ref.dtype === undefined ? 1 : itemBytes(ref.dtype));
}
