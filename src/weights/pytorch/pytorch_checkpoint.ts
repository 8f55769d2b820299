/** Checkpoints that `torch.save` wrote: the zip form, and the one from before PyTorch 1.6. */

import type { ByteSource } from '../bytes/byte_source';
import type { Checkpoint, CheckpointEntry } from '../checkpoint';
import { CheckpointError } from '../errors';
import {
  bytesToRead,
  type CheckedView,
  checkView,
  readView,
  type StorageReader,
} from '../tensor_view';
import { chooseStateDict } from './state_dict';
import { openTorchLegacy } from './torch_legacy';
import { openTorchZip } from './torch_zip';

/** Options of {@link openPyTorch}. */
export interface PyTorchOptions {
  /**
   * Which part of the file to take, for example `'state_dict_ema'`, or `'checkpoint.ema'` for a part of
   * a part. By default `'model'`, else `'state_dict'` or `'model_state_dict'`, else the whole.
   */
  key?: string;
}

/**
 * Windows may share a storage, as the parts of a joined matrix do. But a small file must not ask for
 * endless reading.
 */
const MAX_SHARING = 4;
const SMALL_BYTES = 2 ** 30;

/**
 * Opens a `.pth` file. Every tensor's place is checked against the file here, so that later reads
 * can fail only with the file itself.
 *
 * @throws {CheckpointError} 'format' when there are no weights in it; 'mismatch' when `key` is absent;
 * 'corrupt' when the file is damaged; 'unsupported' when it uses what this reader does not handle; 'io'
 * when the bytes cannot be had.
 */
export async function openPyTorch(
  source: ByteSource,
  form: 'zip' | 'legacy',
  { key }: PyTorchOptions = {},
): Promise<Checkpoint> {
  const file = await (form === 'zip' ? openTorchZip(source) : openTorchLegacy(source));
  const { tensors, metadata } = chooseStateDict(file.value, key);
  const entries = new Map<string, CheckpointEntry>();
  const views = new Map<string, { view: CheckedView; read: StorageReader }>();
  let toRead = 0;
  for (const [name, tensor] of tensors) {
    const { bytes, read } = file.storage(tensor.storage);
    const view = checkView(name, tensor, bytes);
    toRead += bytesToRead(view);
    if (toRead > MAX_SHARING * source.size + SMALL_BYTES) {
      throw new CheckpointError(
        'unsupported',
        `The tensors, read one by one, are over ${MAX_SHARING} times the file's ${source.size} ` +
          `bytes; call .clone() on each before saving`,
      );
    }
    views.set(name, { view, read });
    entries.set(name, {
      shape: [...view.shape],
      dtype: view.dtype,
      bytes: view.bytes,
    });
  }
  return {
    format: 'pytorch',
    entries,
    metadata,
    read: async (name) => {
      const found = views.get(name);
      if (!found) throw new CheckpointError('mismatch', `The checkpoint has no tensor ${name}`);
      return readView(found.view, found.read);
    },
    close: async () => {
      await file.close();
      await source.close?.();
    },
  };
}
