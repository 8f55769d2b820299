/** Few large reads in place of many small ones. */

import { type ByteSource, checkRange } from './byte_source';

/** Bytes that were read, and where they stand in the source. */
interface Window {
  readonly start: number;
  readonly bytes: Uint8Array;
}

/** A zip file is read at two places: its entries, and the directory at its end. */
const WINDOWS = 2;

/**
 * Reads ahead: small reads that follow one another cost one read of `windowBytes`. A checkpoint is
 * hundreds of small records, which over HTTP would be as many requests. What was read ahead is not
 * read again. Memory: two windows.
 */
export function readAhead(source: ByteSource, windowBytes: number): ByteSource {
  let windows: readonly Window[] = [];

  const fetchWindow = async (start: number): Promise<Uint8Array> => {
    const bytes = await source.read(start, Math.min(windowBytes, source.size - start));
    windows = [{ start, bytes }, ...windows].slice(0, WINDOWS);
    return bytes;
  };

  const read = async (offset: number, length: number): Promise<Uint8Array> => {
    const window = windows.find(
      ({ start, bytes }) => offset >= start && offset < start + bytes.byteLength,
    );
    if (window) {
      const from = offset - window.start;
      const known = window.bytes.subarray(from, from + length);
      if (known.byteLength === length) return known;
      const all = new Uint8Array(length);
      all.set(known);
      all.set(await read(offset + known.byteLength, length - known.byteLength), known.byteLength);
      return all;
    }
    if (length >= windowBytes) return source.read(offset, length);
    return (await fetchWindow(offset)).subarray(0, length);
  };

  return {
    size: source.size,
    label: source.label,
    read: async (offset, length) => {
      checkRange(source, offset, length);
      return read(offset, length);
    },
    close: async () => source.close?.(),
  };
}
