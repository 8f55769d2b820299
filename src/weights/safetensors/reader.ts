/** Reading `.safetensors` files. */

import type { ByteSource } from '../bytes/byte_source';
import type { Checkpoint, CheckpointEntry } from '../checkpoint';
import { CheckpointError } from '../errors';
import { type CheckedView, checkView, readView, type StorageReader } from '../tensor_view';
import { headerLength, LENGTH_BYTES, parseHeader } from './header';

const PIECE_BYTES = 4 << 20;

/**
 * Opens a `.safetensors` file; only its header is read here.
 *
 * @throws {CheckpointError} 'corrupt' and 'unsupported' when {@link parseHeader} throws them; 'io' when
 * the bytes cannot be had.
 */
export async function openSafetensors(source: ByteSource): Promise<Checkpoint> {
  const length = headerLength(await source.read(0, LENGTH_BYTES), source.size);
  const dataOffset = LENGTH_BYTES + length;
  const header = parseHeader(await source.read(LENGTH_BYTES, length), source.size - dataOffset);
  const entries = new Map<string, CheckpointEntry>();
  const views = new Map<string, { view: CheckedView; read: StorageReader }>();
  for (const [name, { dtype, shape, start, end }] of header.entries) {
    const strides = contiguousStrides(shape);
    const view = checkView(name, { dtype, shape, strides, offset: 0 }, end - start);
    views.set(name, { view, read: pieces(source, dataOffset + start) });
    entries.set(name, { shape, dtype, bytes: end - start });
  }
  return {
    format: 'safetensors',
    entries,
    metadata: header.metadata,
    read: async (name) => {
      const found = views.get(name);
      if (!found) throw new CheckpointError('mismatch', `The checkpoint has no tensor ${name}`);
      return readView(found.view, found.read);
    },
    close: async () => source.close?.(),
  };
}

function pieces(source: ByteSource, start: number): StorageReader {
  return async (offset, length, take) => {
    for (let done = 0; done < length;) {
      const count = Math.min(PIECE_BYTES, length - done);
      take(await source.read(start + offset + done, count));
      done += count;
    }
  };
}

function contiguousStrides(shape: readonly number[]): number[] {
  const strides: number[] = [];
  let stride = 1;
  for (const size of [...shape].reverse()) {
    strides.unshift(stride);
    stride *= size;
  }
  return strides;
}
