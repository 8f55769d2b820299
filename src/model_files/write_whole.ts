/** Files that appear whole or not at all. */
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';

import { messageOf } from '../common/messages';
import { makeFolder } from '../weights/bytes/durable';

/** What a file is to hold, or what writes it to the path that it is given. */
export type WholeContent = string | Uint8Array | ((unfinished: string) => Promise<void>);

/**
 * Writes files by their paths, and makes their folders. Each appears whole or not at all, and none before all of them
 * have been written; what was there is replaced. A link stays, and the file that it leads to is the one that is
 * replaced; the new file has the permissions of the old one.
 *
 * @throws {Error} when one cannot be written, and whatever a content that is a function throws. Nothing unfinished is
 *   left, and what was there is there still; only when the renaming at the end fails, those before it are new.
 */
export async function writeWhole(files: Readonly<Record<string, WholeContent>>): Promise<void> {
  const parts = await Promise.all(
    Object.entries(files).map(async ([file, content]) => {
      const { target, mode } = await placeOf(file).catch(failing(file));
      // A name that no other process takes.
      const unfinished = `${target}.${randomBytes(6).toString('hex')}.part`;
      return { file, content, target, mode, unfinished };
    }),
  );
  const undo: (() => Promise<void>)[] = [];
  try {
    for (const { file, content, target, mode, unfinished } of parts) {
      undo.push(await makeFolder(fs, path.dirname(target)).catch(failing(file)));
      undo.push(() => fs.rm(unfinished, { force: true }));
      if (typeof content === 'function') await content(unfinished);
      else await fs.writeFile(unfinished, content, { flag: 'wx', mode }).catch(failing(file));
      // What a new file may be is cut by the process's mask, and the content may have been made without that.
      if (mode !== undefined) await fs.chmod(unfinished, mode).catch(failing(file));
    }
    for (const { file, target, unfinished } of parts) {
      await fs.rename(unfinished, target).catch(failing(file));
    }
  } catch (error) {
    for (const step of undo.reverse()) await step().catch(() => undefined);
    throw error;
  }
}

/** Links that a path may lead through, as in Linux. */
const MOST_LINKS = 40;

/** Where a file is to be, links followed, and the permissions that it has; undefined where there is none yet. */
async function placeOf(file: string): Promise<{ target: string; mode: number | undefined }> {
  let target = file;
  for (let links = 0; links <= MOST_LINKS; links++) {
    const found = await fs.realpath(target).catch(unless('ENOENT'));
    if (found !== undefined) {
      const stats = await fs.stat(found);
      return { target: found, mode: stats.isFile() ? stats.mode & 0o7777 : undefined };
    }
    // There is nothing, or a link to what is not there yet.
    const link = await fs.readlink(target).catch(unless('ENOENT', 'EINVAL', 'UNKNOWN'));
    if (link === undefined) return { target, mode: undefined };
    target = path.resolve(await fs.realpath(path.dirname(target)), link);
  }
  throw new Error(`more than ${MOST_LINKS} links lead from one to the next`);
}

/** Turns failures of these kinds into undefined. For `.catch`. */
function unless(...codes: readonly string[]): (error: unknown) => undefined {
  return (error) => {
    if (!codes.includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  };
}

/** Names the file in a rejection of the file system. For `.catch`. */
function failing(file: string): (error: unknown) => never {
  return (error) => {
    throw new Error(`${file} cannot be written: ${messageOf(error)}`, { cause: error });
  };
}
