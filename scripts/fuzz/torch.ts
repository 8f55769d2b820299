/**
 * PyTorch's files: an input is a pickle and the bytes of a storage, of which an archive with right checksums is
 * made. Its first byte says how many of the last bytes are the storage's.
 */
import { openCheckpoint } from '../../src/weights/open_checkpoint';
import { buildZip } from '../../test/weights/support/build_zip';
import { type FuzzTarget, hex, isCheckpointError } from './target';

export const target: FuzzTarget = {
  file: (input) => {
    const [storage = 0] = input;
    const end = Math.max(1, input.length - storage);
    const text = (value: string): Uint8Array => Buffer.from(value);
    return buildZip([
      { name: 'archive/data.pkl', data: input.subarray(1, end) },
      { name: 'archive/byteorder', data: text('little') },
      { name: 'archive/data/0', data: input.subarray(end) },
      { name: 'archive/version', data: text('3\n') },
    ]);
  },
  read: async (file) => {
    const checkpoint = await openCheckpoint(file);
    const tensors: [string, readonly number[], string][] = [];
    for (const [name, { shape }] of checkpoint.entries) {
      const values = await checkpoint.read(name);
      const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
      tensors.push([name, shape, hex(bytes)]);
    }
    await checkpoint.close();
    return tensors.sort(([a], [b]) => (a < b ? -1 : 1));
  },
  isRefusal: isCheckpointError,
};
