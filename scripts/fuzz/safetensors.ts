/** Safetensors files: every tensor's type, shape and bytes. */
import { memorySource } from '../../src/weights/bytes/source';
import { CheckpointError } from '../../src/weights/errors';
import { headerLength, LENGTH_BYTES, parseHeader } from '../../src/weights/safetensors/header';
import { openSafetensors } from '../../src/weights/safetensors/reader';
import { type FuzzTarget, hex, isCheckpointError } from './target';

export const target: FuzzTarget = {
  file: (input) => input,
  read: async (file) => {
    const source = memorySource(file);
    const checkpoint = await openSafetensors(source);
    for (const name of checkpoint.entries.keys()) {
      // Types that cannot be values of float32 are refused when they are read, and not before.
      await checkpoint.read(name).catch((error: unknown) => {
        if (!(error instanceof CheckpointError)) throw error;
      });
    }
    const length = headerLength(await source.read(0, LENGTH_BYTES), source.size);
    const start = LENGTH_BYTES + length;
    const { entries } = parseHeader(await source.read(LENGTH_BYTES, length), source.size - start);
    return [...entries]
      .map(([name, entry]) => [
        name,
        entry.shape,
        hex(file.subarray(start + entry.start, start + entry.end)),
      ])
      .sort(([a = ''], [b = '']) => (a < b ? -1 : 1));
  },
  isRefusal: isCheckpointError,
};
