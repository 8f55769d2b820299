/** Files that options name. */
import { readFile } from 'node:fs/promises';

import { messageOf } from '../../common/messages';

/**
 * The text of a file.
 *
 * @throws {Error} when it cannot be read; the system names no file where it is a folder
 */
export async function givenText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new Error(`${file} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}
