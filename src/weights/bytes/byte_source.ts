/** Random access to bytes. */

import { CheckpointError } from '../errors';

/** Bytes that can be read in any order. */
export interface ByteSource {
  /** Number of bytes. */
  readonly size: number;
  /** What to call the source in messages: a path, a URL, `ArrayBuffer`. */
  readonly label?: string;
  /**
   * Reads `length` bytes from `offset` on. The answer may share memory with the source or with
   * other answers: read it, do not write it.
   *
   * @throws {CheckpointError} 'corrupt' when the range reaches past the end; 'io' when the bytes
   * cannot be had.
   */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** Gives back what the source holds (a file handle). It cannot be read afterwards. */
  close?(): Promise<void>;
}

/** Throws unless `[offset, offset + length)` lies inside the source. */
export function checkRange(source: ByteSource, offset: number, length: number): void {
  if (!(offset >= 0 && length >= 0 && Number.isSafeInteger(offset + length))) {
    throw new CheckpointError('corrupt', `A read of ${length} bytes at ${offset} makes no sense`);
  }
  if (offset + length > source.size) {
    throw new CheckpointError(
      'corrupt',
      `${source.label ?? 'The checkpoint'} ends at byte ${source.size}, but bytes ${offset} to ` +
        `${offset + length} are needed; the file is cut short or damaged`,
    );
  }
}
