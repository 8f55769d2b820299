/** Pictures with objects, in a folder, with COCO's annotations beside them: in Node. */
import * as fs from 'node:fs/promises';
import * as path from 'node:path';

import { parseCoco } from '../coco/dataset';
import { requireArgument, requireInteger, shown } from '../common/arguments';
import { messageOf } from '../common/messages';
import { type OptionNames, requireOptions } from '../common/options';
import {
  COCO_SOURCE_OPTIONS,
  type CocoSource,
  type CocoSourceOptions,
  sourceOf,
} from '../data/coco_source';
import { DecoderPool } from './decoder_pool';
import { defaultThreads } from './list_files';

/** Options of `cocoFolder`. */
export interface CocoFolderOptions extends CocoSourceOptions {
  /** Threads that decode, at most. Default: one for each processor but one, from 1 to 8. */
  threads?: number;
}

const OPTIONS: OptionNames<CocoFolderOptions> = { ...COCO_SOURCE_OPTIONS, threads: true };

const OWNER = 'cocoFolder';

/**
 * Takes COCO's annotations and the folder of their pictures, which are read as those of `imageFolder`.
 *
 * @param annotations path of the JSON file
 * @param folder path of the folder; the pictures' `file_name` are paths from there
 * @throws {Error} when the file cannot be read, is no such JSON (as `parseCoco`), or a picture is not there or
 *   not in the folder; and as `cocoSource`
 *
 * @example
 * const train = await cocoFolder('annotations/instances_train2017.json', 'train2017', { empty: 'skip' });
 */
export async function cocoFolder(
  annotations: string,
  folder: string,
  options: CocoFolderOptions = {},
): Promise<CocoSource> {
  requireOptions(OWNER, options, OPTIONS);
  for (const [name, value] of Object.entries({ annotations, folder })) {
    const isPath = typeof value === 'string' && value !== '';
    requireArgument(
      OWNER,
      name,
      value,
      isPath,
      `the path of a ${name === 'folder' ? name : 'file'}`,
    );
  }
  const { threads = defaultThreads(), ...others } = options;
  requireInteger(OWNER, 'threads', threads, 1);
  const text = await fs.readFile(annotations, 'utf8').catch((error: unknown) => {
    throw new Error(`${OWNER}: ${annotations} cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  });
  const dataset = parseCoco(text, annotations);
  const pool = new DecoderPool(threads);
  const read = (name: string) => pool.decode({ file: path.join(folder, name) });
  const source = sourceOf(`${OWNER}: ${annotations}`, dataset, read, others);
  const names = Array.from({ length: source.length }, (_, i) => source.name(i));
  names.forEach(requireInside);
  await requireThere(folder, names);
  return { ...source, close: () => pool.close() };
}

/** Annotations of others must not lead to files elsewhere. */
function requireInside(name: string): void {
  const parts = name.split(/[\\/]/);
  if (!path.isAbsolute(name) && !path.win32.isAbsolute(name) && !parts.includes('..')) return;
  throw new Error(
    `${OWNER}: file_name ${shown(name)} leads out of the folder of pictures; expected a path within`,
  );
}

async function requireThere(folder: string, names: readonly string[]): Promise<void> {
  const listed = new Map<string, ReadonlySet<string>>();
  const missing: string[] = [];
  for (const name of names) {
    const place = path.join(folder, path.dirname(name));
    let files = listed.get(place);
    if (!files) {
      files = new Set(await fs.readdir(place).catch(() => []));
      listed.set(place, files);
    }
    if (!files.has(path.basename(name))) missing.push(name);
  }
  if (missing.length === 0) return;
  const more = missing.length > 1 ? ` and ${missing.length - 1} more of ${names.length}` : '';
  throw new Error(
    `${OWNER}: ${folder} has no picture ${missing[0]}${more}; give the folder from which the annotations ` +
      'name their files, or take the pictures out of the annotations',
  );
}
