/** Writing files in Node so that they are whole or absent, also after a loss of power. */

import type { FileHandle } from 'node:fs/promises';

import { nodeBuiltin } from '../../common/node';

export type FileSystem = typeof import('node:fs/promises');

/** The most that one call of the operating system moves: Node refuses 2 GiB and more. */
export const MAX_CALL_BYTES = 2 ** 30;

/** Writes all of `bytes` at the file's position, however many there are. */
export async function writeFully(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.byteLength;) {
    const length = Math.min(MAX_CALL_BYTES, bytes.byteLength - done);
    const { bytesWritten } = await handle.write(bytes, done, length);
    if (bytesWritten === 0) throw new Error(`the system took none of ${length} bytes`);
    done += bytesWritten;
  }
}

/** What says that a folder cannot be opened or synchronised here: as on Windows, and on some mounts. */
const NO_FOLDER_SYNC = ['EISDIR', 'EPERM', 'EACCES', 'EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'];

/** Waits until a folder's entries (new names, renames) are on the disk, where the system can tell. */
export async function syncFolder(fs: FileSystem, folder: string): Promise<void> {
  try {
    const handle = await fs.open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!NO_FOLDER_SYNC.includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

/**
 * Renames what has been written and synchronised to its final name, and waits until that is on the
 * disk. Rejects with a message that says so where only the waiting failed: the file is then whole.
 */
export async function renameDurably(fs: FileSystem, from: string, to: string): Promise<void> {
  const { dirname } = await nodeBuiltin('path');
  await fs.rename(from, to);
  await syncFolder(fs, dirname(to)).catch((cause: unknown) => {
    throw new Error(`it is written, but may not survive a loss of power: ${String(cause)}`, {
      cause,
    });
  });
}

/**
 * Makes a folder with those above it.
 *
 * @returns undoes that, as far as the folders are empty; never throws
 */
export async function makeFolder(fs: FileSystem, folder: string): Promise<() => Promise<void>> {
  const { dirname, resolve } = await nodeBuiltin('path');
  const made = await fs.mkdir(folder, { recursive: true });
  return async () => {
    if (made === undefined) return;
    const first = resolve(made);
    for (let at = resolve(folder); at.length >= first.length; at = dirname(at)) {
      await fs.rmdir(at).catch(() => undefined);
    }
  };
}
