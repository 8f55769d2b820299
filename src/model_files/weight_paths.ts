/** Where the weight files of a model may lie: in the folder of its `model.json`, nowhere else. */
import * as fs from 'node:fs/promises';
import * as path from 'node:path';

import { CheckpointError } from '../weights/errors';
import { failing } from './errors';

/** A weight file, as it was when its model was looked at. */
export interface WeightFile {
  readonly path: string;
  readonly bytes: number;
  /** When it was last written to, in ms. */
  readonly modified: number;
}

/**
 * The weight files that a manifest names, with their sizes.
 *
 * A `model.json` comes from anywhere, and what it names is read into weights that are shown, saved and
 * sent on: so it may not name files that are not its own.
 *
 * @param file the `model.json`
 * @throws {CheckpointError} 'unsupported' when a name leads out of the folder, also by a link; 'io'
 * when there is no such file
 */
export async function weightFiles(file: string, names: readonly string[]): Promise<WeightFile[]> {
  if (names.length === 0) return [];
  const folder = path.dirname(file);
  const what = `${file} cannot be read`;
  // Caches keep a model's files, model.json too, in one folder, and links to them in another.
  const allowed = await Promise.all([
    fs.realpath(folder).catch(failing(what)),
    fs.realpath(file).then(path.dirname).catch(failing(what)),
  ]);
  const files: WeightFile[] = [];
  for (const name of names) {
    const shard = path.join(folder, name);
    if (leavesFolder(name)) throw outside(file, name, 'a name of a file beside it');
    const missing = failing(`${shard}, weights of ${file}, cannot be read`);
    const real = await fs.realpath(shard).catch(missing);
    if (!allowed.some((root) => isInside(root, real))) {
      throw outside(file, name, `a file beside it, not a link to ${real}`);
    }
    const stat = await fs.stat(shard).catch(missing);
    if (!stat.isFile())
      throw new CheckpointError('io', `${shard}, weights of ${file}, is not a file`);
    files.push({ path: shard, bytes: stat.size, modified: stat.mtimeMs });
  }
  return files;
}

/** Whether a name is no relative path downwards, on any system. Names have slashes everywhere. */
function leavesFolder(name: string): boolean {
  return (
    name === '' ||
    /[\\\0]/.test(name) ||
    name.startsWith('/') ||
    // A drive letter, or a URL.
    /^([a-z]:|[a-z][a-z0-9+.-]*:\/\/)/i.test(name) ||
    name.split('/').includes('..')
  );
}

function isInside(root: string, file: string): boolean {
  const relative = path.relative(root, file);
  return relative !== '..' && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative);
}

function outside(file: string, name: string, expected: string): CheckpointError {
  return new CheckpointError(
    'unsupported',
    `${file} names the weight file ${JSON.stringify(name.slice(0, 200))}; expected ${expected}: put ` +
      'the weight files into the folder of model.json and correct their paths there',
  );
}
