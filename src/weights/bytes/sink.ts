/** Where a checkpoint is written to. */

import { messageOf } from '../../common/messages';
import { isUrlText, shownUrl } from '../../common/url';
import { CheckpointError } from '../errors';
import { renameDurably, writeFully } from './durable';
import { partialName, removeLeftovers } from './leftovers';
import { nodeFileSystem } from './node_file_system';

/** Takes bytes in order. */
export interface ByteSink<Result> {
  /** Writes `bytes`, which may be changed once the promise has resolved. */
  write(bytes: Uint8Array): Promise<void>;
  /** Everything is written. */
  finish(): Promise<Result>;
  /** Gives up and leaves nothing behind. Never throws. */
  abort(): Promise<void>;
}

/**
 * Asserts a place in the file system.
 *
 * @throws {CheckpointError} 'unsupported' when it is an address
 */
export function requirePath(path: string): void {
  if (!isUrlText(path)) return;
  throw new CheckpointError(
    'unsupported',
    `${shownUrl(path)} is an address, to which nothing can be written; give a path`,
  );
}

/**
 * Writes to a file in Node: beside `path` first, and under that name only once it is complete and on
 * the disk, so that a file there is always a whole one. What killed writers of the same file have
 * left for over an hour is removed.
 *
 * @throws {CheckpointError} 'io' when it cannot be written; 'unsupported' when this is not Node, or `path`
 * is an address.
 */
export async function fileSink(path: string): Promise<ByteSink<void>> {
  requirePath(path);
  const fs = await nodeFileSystem();
  const partial = await partialName(path);
  const sink = await newFileSink(partial, path);
  await removeLeftovers(fs, path, partial);
  return {
    ...sink,
    finish: async () => {
      await sink.finish();
      await renameDurably(fs, partial, path).catch(writing(path));
    },
  };
}

/**
 * Writes a new file in Node under its own name at once: for folders that nobody looks into yet. It is
 * on the disk once finished.
 *
 * @param label what to call it in messages
 * @throws {CheckpointError} 'io' when it exists or cannot be written; 'unsupported' when this is not Node.
 */
export async function newFileSink(path: string, label = path): Promise<ByteSink<void>> {
  const fs = await nodeFileSystem();
  const fail = writing(label);
  const handle = await fs.open(path, 'wx').catch(fail);
  return {
    write: (bytes) => writeFully(handle, bytes).catch(fail),
    finish: async () => {
      await handle.sync().catch(fail);
      await handle.close().catch(fail);
    },
    abort: async () => {
      await handle.close().catch(() => undefined);
      await fs.rm(path, { force: true }).catch(() => undefined);
    },
  };
}

/** Turns a rejection of the file system into an error that names the file. For `.catch`. */
function writing(path: string): (error: unknown) => never {
  return (error) => {
    throw new CheckpointError('io', `${path} cannot be written: ${messageOf(error)}`, {
      cause: error,
    });
  };
}

/** Largest part of a `Blob` that is made at once: making one copies. */
const BLOB_PART_BYTES = 2 ** 28;

/** Gathers a `Blob`, part by part: browsers may keep large ones on disk. */
export function blobSink(): ByteSink<Blob> {
  const parts: Blob[] = [];
  return {
    write: async (bytes) => {
      for (let at = 0; at < bytes.byteLength; at += BLOB_PART_BYTES) {
        const part = bytes.subarray(at, at + BLOB_PART_BYTES);
        parts.push(new Blob([part as Uint8Array<ArrayBuffer>]));
      }
    },
    finish: async () => new Blob(parts, { type: 'application/octet-stream' }),
    abort: async () => {
      parts.length = 0;
    },
  };
}
