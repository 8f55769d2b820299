/** Folders of small pictures for tests. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

import { rgbPng } from './image_files';
import shown from './shown.json';

/** Bytes of one of the files that Pillow wrote. */
export function shownFile(name: keyof typeof shown.files): Buffer {
  return Buffer.from(shown.files[name].file, 'base64');
}

/** A PNG of one colour. */
export function plainPng(colour: readonly number[], width = 8, height = 8): Buffer {
  return rgbPng(width, height, () => colour);
}

/**
 * Makes a folder of files by path; null for an empty folder.
 *
 * @returns its path
 */
export function folderOf(files: Readonly<Record<string, Uint8Array | string | null>>): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-pictures-'));
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(folder, name);
    fs.mkdirSync(content === null ? file : path.dirname(file), { recursive: true });
    if (content !== null) fs.writeFileSync(file, content);
  }
  return folder;
}
