/** Where a checkpoint is written to. */

import { messageOf } from '../../common/messages';
import { CheckpointError } from '../errors';
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
 * Writes to a file in Node: beside `path` first, and under that name only once it is complete, so
 * that a file there is always a whole one.
 *
 * @throws {CheckpointError} `io` where it cannot be written; `unsupported` outside Node.
 */
export async function fileSink(path: string): Promise<ByteSink<void>> {
  const fs = await nodeFileSystem();
  const partial = `${path}.${Date.now().toString(36)}.partial`;
  const fail = (error: unknown): never => {
    throw new CheckpointError('io', `${path} cannot be written: ${messageOf(error)}`, {
      cause: error,
    });
  };
  const handle = await fs.open(partial, 'wx').catch(fail);
  return {
    write: async (bytes) => {
      for (let done = 0; done < bytes.byteLength;) {
        const { bytesWritten } = await handle.write(bytes, done).catch(fail);
        done += bytesWritten;
      }
    },
    finish: async () => {
      await handle.close().catch(fail);
      await fs.rename(partial, path).catch(fail);
    },
    abort: async () => {
      await handle.close().catch(() => undefined);
      await fs.rm(partial, { force: true }).catch(() => undefined);
    },
  };
}

/** Gathers a `Blob`, part by part: browsers may keep large ones on disk. */
export function blobSink(): ByteSink<Blob> {
  const parts: Blob[] = [];
  return {
    write: async (bytes) => {
      parts.push(new Blob([bytes as Uint8Array<ArrayBuffer>]));
    },
    finish: async () => new Blob(parts, { type: 'application/octet-stream' }),
    abort: async () => {
      parts.length = 0;
    },
  };
}
