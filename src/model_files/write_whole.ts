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
 * have been written; what was there is replaced.
 *
 * @throws {Error} when one cannot be written, and whatever a content that is a function throws. Nothing unfinished is
 *   left, and what was there is there still; only when the renaming at the end fails, those before it are new.
 */
export async function writeWhole(files: Readonly<Record<string, WholeContent>>): Promise<void> {
  const parts = Object.entries(files).map(([file, content]) => {
    // A name that no other process takes.
    return { file, content, unfinished: `${file}.${randomBytes(6).toString('hex')}.part` };
  });
  const undo: (() => Promise<void>)[] = [];
  try {
    for (const { file, content, unfinished } of parts) {
      undo.push(await makeFolder(fs, path.dirname(file)).catch(failing(file)));
      undo.push(() => fs.rm(unfinished, { force: true }));
      if (typeof content === 'function') await content(unfinished);
      else await fs.writeFile(unfinished, content, { flag: 'wx' }).catch(failing(file));
    }
    for (const { file, unfinished } of parts) {
      await fs.rename(unfinished, file).catch(failing(file));
    }
  } catch (error) {
    for (const step of undo.reverse()) await step().catch(() => undefined);
    throw error;
  }
}

/** Names the file in a rejection of the file system. For `.catch`. */
function failing(file: string): (error: unknown) => never {
  return (error) => {
    throw new Error(`${file} cannot be written: ${messageOf(error)}`, { cause: error });
  };
}
