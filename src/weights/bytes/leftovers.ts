/** What writers leave that were killed: told by its name and its age, and removed by the next one. */

import { nodeBuiltin } from '../../common/node';
import type { FileSystem } from './durable';

/** An unfinished file that nobody has written to for so long belongs to nobody, in ms. */
const ABANDONED_MS = 60 * 60 * 1000;

const RANDOM_BYTES = 6;

/** A name beside `path` that no other writer uses. */
export async function partialName(path: string): Promise<string> {
  const { randomBytes } = await nodeBuiltin('crypto');
  return `${path}.${randomBytes(RANDOM_BYTES).toString('hex')}.partial`;
}

/** Whether `name` is an unfinished `base`; 0.1.0 used the time in base 36 instead of a random number. */
function isPartialOf(base: string, name: string): boolean {
  return (
    name.startsWith(`${base}.`) && /^[0-9a-z]{8,12}\.partial$/.test(name.slice(base.length + 1))
  );
}

/**
 * Removes unfinished files and folders of earlier writers of `path`. Never throws.
 *
 * @param current what is being written now; by its time, so that the clock of a file server counts
 */
export async function removeLeftovers(
  fs: FileSystem,
  path: string,
  current: string,
): Promise<void> {
  const { basename, dirname, join } = await nodeBuiltin('path');
  try {
    const folder = dirname(path);
    const { mtimeMs: now } = await fs.stat(current);
    for (const name of await fs.readdir(folder)) {
      const file = join(folder, name);
      if (isPartialOf(basename(path), name) && (await isAbandoned(fs, file, now))) {
        await fs.rm(file, { recursive: true, force: true });
      }
    }
  } catch {
    // The next writer will find them.
  }
}

/** Whether a file, or everything in a folder, is old at the time `now` (ms). */
export async function isAbandoned(fs: FileSystem, file: string, now: number): Promise<boolean> {
  const { join } = await nodeBuiltin('path');
  const stat = await fs.lstat(file);
  if (stat.mtimeMs > now - ABANDONED_MS) return false;
  if (!stat.isDirectory()) return true;
  for (const name of await fs.readdir(file)) {
    if (!(await isAbandoned(fs, join(file, name), now))) return false;
  }
  return true;
}
