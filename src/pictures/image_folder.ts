/** Labelled pictures in folders, in Node. */
import * as path from 'node:path';

import { requireArgument, requireInteger } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import { type ClassFolderOptions, sortByClass } from '../data/class_folders';
import { type ExampleSource, requireExample } from '../data/example_source';
import { DecoderPool } from './decoder_pool';
import { defaultThreads, listFolder } from './list_files';

/** Options of `imageFolder`. */
export interface ImageFolderOptions extends ClassFolderOptions {
  /** Threads that decode, at most. Default: one for each processor but one, from 1 to 8. */
  threads?: number;
}

const OPTIONS: OptionNames<ImageFolderOptions> = { split: true, classNames: true, threads: true };

const OWNER = 'imageFolder';

/**
 * Takes a folder of labelled pictures: a folder for each class, named after it, with its JPEG, PNG and WebP
 * files, which may lie in folders of their own there. Files are listed now and read when they are wanted, in
 * threads that start with the first and end when there has been nothing to do for some seconds, or with
 * `close`; they keep no process alive. Pictures are read as they are shown: upright by their EXIF tag, grey,
 * CMYK and 16-bit ones as 8-bit RGB; transparent pixels have the colour that the file gives them.
 *
 * Hidden files and folders, and files whose endings are of no picture, are passed over; links are followed.
 * A picture that is damaged, cannot be read, or is of another kind (GIF, TIFF, HEIC, ...) is an error when it
 * is read, which names it; `evaluate` and `fineTune` skip it where they are told to.
 *
 * @param folder path of the folder; the names of examples are paths from there
 * @throws {Error} when the folder, or one in it, cannot be listed; it holds no folder of a class, only one, one
 *   without pictures, or one that is none of `classNames`; pictures lie beside the folders; it holds parts
 *   (`train`, `val`, ...) and `split` names none
 *
 * @example
 * const train = await imageFolder('pets', { split: 'train' });
 * const test = await imageFolder('pets', { split: 'test', classNames: train.classNames });
 */
export async function imageFolder(
  folder: string,
  options: ImageFolderOptions = {},
): Promise<ExampleSource> {
  requireOptions(OWNER, options, OPTIONS);
  const isPath = typeof folder === 'string' && folder !== '';
  requireArgument(OWNER, 'folder', folder, isPath, 'the path of a folder');
  const { split, threads = defaultThreads() } = options;
  requireInteger(OWNER, 'threads', threads, 1);
  const isName = split === undefined || (typeof split === 'string' && split !== '');
  requireArgument(OWNER, 'split', split, isName, 'the name of a folder, such as "train"');
  const place = split === undefined ? folder : path.join(folder, split);
  const { files, folders } = await listFolder(OWNER, place, folder);
  const { classNames, paths, labels } = sortByClass(OWNER, place, files, folders, options);
  const pool = new DecoderPool(threads);
  const fileOf = (index: number) => {
    requireExample(OWNER, index, paths.length);
    return path.join(place, paths[index] as string);
  };
  return {
    length: paths.length,
    classNames,
    label: (index) => {
      requireExample(OWNER, index, paths.length);
      return labels[index] as number;
    },
    name: (index) => path.relative(folder, fileOf(index)).split(path.sep).join('/'),
    read: async (index) => pool.decode({ file: fileOf(index) }),
    readFitted: async (index, { inputSize, crop }) =>
      pool.decode({ file: fileOf(index), fit: { inputSize, crop } }),
    readTransformed: async (index, recipe) =>
      pool.decode({ file: fileOf(index), transform: { recipe, index } }),
    close: () => pool.close(),
  };
}
