/** Zip archives: the directory, and all entries read whole, in pieces, and in pieces once more. */
import { memorySource } from '../../src/weights/bytes/source';
import { readZipDirectory } from '../../src/weights/zip/directory';
import { ZipEntryReader } from '../../src/weights/zip/entry';
import { type FuzzTarget, hex, isCheckpointError } from './target';

/** More is not unpacked in one input. */
const MOST = 1 << 20;

export const target: FuzzTarget = {
  file: (input) => input,
  read: async (file) => {
    const source = memorySource(file);
    const entries: [string, string][] = [];
    for (const entry of (await readZipDirectory(source)).values()) {
      const reader = new ZipEntryReader(source, entry);
      try {
        const whole = await reader.readAll(MOST);
        const pieces: Uint8Array[] = [];
        const half = whole.length >> 1;
        await reader.read(half, whole.length - half, (piece) => pieces.push(piece.slice()));
        await reader.read(0, half, (piece) => pieces.push(piece.slice()));
        const [end, start] = [
          Buffer.from(whole).subarray(half),
          Buffer.from(whole).subarray(0, half),
        ];
        if (!Buffer.concat(pieces).equals(Buffer.concat([end, start]))) {
          throw new Error(`${entry.name}: pieces differ from the whole`);
        }
        entries.push([entry.name, hex(whole)]);
      } finally {
        await reader.close();
      }
    }
    return entries.sort(([a], [b]) => (a < b ? -1 : 1));
  },
  isRefusal: isCheckpointError,
};
