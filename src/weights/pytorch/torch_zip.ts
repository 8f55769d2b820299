/** The zip form of `torch.save`: `NAME/data.pkl`, and one entry `NAME/data/KEY` per storage. */

import type { ByteSource } from '../bytes/byte_source';
import { CheckpointError } from '../errors';
import { recogniseZip } from '../known_files';
import { readPickle } from '../pickle/pickle';
import { readZipDirectory } from '../zip/directory';
import { UnpackBudget, ZipEntryReader } from '../zip/entry';
import { MAX_PICKLE_BYTES, storageBytes, type TorchFile } from './torch_file';
import { TORCH_HOOKS } from './torch_objects';

/**
 * Opens the zip form.
 *
 * @throws {CheckpointError} 'format' when the zip file is something else; 'unsupported' when it is of
 * a big-endian machine; 'corrupt' when it is damaged.
 */
export async function openTorchZip(source: ByteSource): Promise<TorchFile> {
  const entries = await readZipDirectory(source);
  const pickles = [...entries.keys()].filter((name) => /^([^/]+\/)?data\.pkl$/.test(name));
  const pickle = entries.get(pickles[0] ?? '');
  const known = recogniseZip([...entries.keys()]);
  // A checkpoint's storages may be called what they like, its folder has no program.
  if (pickles.length !== 1 || !pickle || known?.includes('TorchScript')) {
    throw new CheckpointError(
      'format',
      known === undefined
        ? `The zip archive has ${pickles.length} entries named data.pkl, a PyTorch checkpoint has one`
        : `${source.label ?? 'The source'} is not a PyTorch checkpoint: it is ${known}`,
    );
  }
  const folder = pickle.name.slice(0, -'data.pkl'.length);
  const order = entries.get(`${folder}byteorder`);
  if (order) {
    const text = new TextDecoder().decode(await new ZipEntryReader(source, order).readAll(64));
    if (text !== 'little') {
      throw new CheckpointError(
        'unsupported',
        `The checkpoint has byte order ${JSON.stringify(text)}; load and save it again with ` +
          `PyTorch on a little-endian machine`,
      );
    }
  }
  const bytes = await new ZipEntryReader(source, pickle).readAll(MAX_PICKLE_BYTES);
  const budget = new UnpackBudget();
  const readers = new Map<string, ZipEntryReader>();
  return {
    value: readPickle(bytes, TORCH_HOOKS).value,
    storage: (ref) => {
      const name = `${folder}data/${ref.key}`;
      const entry = entries.get(name);
      const claimed = storageBytes(ref);
      if (!entry || claimed !== entry.size) {
        throw new CheckpointError(
          'corrupt',
          `Storage ${ref.key} claims ${claimed} bytes; the file has ${entry?.size ?? 'none'}`,
        );
      }
      let reader = readers.get(name);
      if (!reader) readers.set(name, (reader = new ZipEntryReader(source, entry, budget)));
      return { bytes: entry.size, read: (...range) => reader.read(...range) };
    },
    close: async () => {
      for (const reader of readers.values()) await reader.close();
    },
  };
}
