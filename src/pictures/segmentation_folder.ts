/** Pictures and their label maps in two folders, in Node. */
import * as path from 'node:path';

import { requireArgument, requireInteger } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import { isPicture } from '../data/class_folders';
import { requireExample } from '../data/example_source';
import {
  LABEL_MAP_OPTIONS,
  type LabelMapOptions,
  requireLabelOptions,
  type SegmentationSource,
} from '../data/segmentation_source';
import { DecoderPool } from './decoder_pool';
import { defaultThreads, filesIn } from './list_files';

/** Options of `segmentationFolder`. */
export interface SegmentationFolderOptions extends LabelMapOptions {
  /** What the name of a picture's label map ends in, behind the picture's own without its ending. Default `'.png'`. */
  mapSuffix?: string;
  /** Threads that decode, at most. Default: one for each processor but one, from 1 to 8. */
  threads?: number;
}

const OPTIONS: OptionNames<SegmentationFolderOptions> = {
  ...LABEL_MAP_OPTIONS,
  mapSuffix: true,
  threads: true,
};

const OWNER = 'segmentationFolder';

/**
 * Takes a folder of pictures and one of label maps: for `street/1.jpg` of the first the second has `street/1.png`.
 * Pictures are JPEG, PNG and WebP files, read as they are shown (upright by their EXIF tag, which the maps must be, too);
 * maps are PNG files, grey of 1 to 16 bits or with a palette, whose numbers are the classes. Files are listed now and
 * read when they are wanted, in threads, as by `imageFolder`.
 *
 * Maps without a picture are passed over. A map whose size is not its picture's, or with a label that is none of the
 * classes, is an error when it is read, which names it.
 *
 * @param images path of the folder of pictures; the names of examples are paths from there
 * @param maps path of the folder of label maps
 * @throws {Error} when a folder cannot be listed, there is no picture, one has no map, or two have the same; or an
 *   option is wrong
 *
 * @example
 * const train = await segmentationFolder('ade/images/training', 'ade/annotations/training', {
 *   classNames: ADE20K_CLASSES,
 *   reduceZeroLabel: true,
 * });
 */
export async function segmentationFolder(
  images: string,
  maps: string,
  options: SegmentationFolderOptions,
): Promise<SegmentationSource> {
  requireOptions(OWNER, options, OPTIONS);
  for (const [name, folder] of Object.entries({ images, maps })) {
    const isPath = typeof folder === 'string' && folder !== '';
    requireArgument(OWNER, name, folder, isPath, 'the path of a folder');
  }
  const { mapSuffix = '.png', threads = defaultThreads() } = options;
  const isSuffix = typeof mapSuffix === 'string' && mapSuffix !== '';
  requireArgument(OWNER, 'mapSuffix', mapSuffix, isSuffix, 'the end of a name, such as ".png"');
  requireInteger(OWNER, 'threads', threads, 1);
  const labels = requireLabelOptions(OWNER, options);
  const pairs = paired(
    { images, maps, mapSuffix },
    (await filesIn(OWNER, images)).filter((name) => isPicture(name)),
    new Set(await filesIn(OWNER, maps)),
  );
  const pool = new DecoderPool(threads);
  const requestOf = (index: number) => {
    requireExample(OWNER, index, pairs.length);
    const { picture, map } = pairs[index] as Pair;
    return { file: path.join(images, picture), map: path.join(maps, map), labels };
  };
  return {
    length: pairs.length,
    classNames: labels.classNames,
    ignoreLabel: labels.ignoreLabel,
    name: (index) => {
      requireExample(OWNER, index, pairs.length);
      return (pairs[index] as Pair).picture;
    },
    read: async (index) => pool.decodeLabelled(requestOf(index)),
    readTransformed: async (index, recipe) =>
      pool.decodeLabelled({ ...requestOf(index), transform: { recipe, index } }),
    close: () => pool.close(),
  };
}

/** Paths from their folders. */
interface Pair {
  readonly picture: string;
  readonly map: string;
}

interface Places {
  readonly images: string;
  readonly maps: string;
  readonly mapSuffix: string;
}

/** Each picture with its map, by name. */
function paired(
  { images, maps, mapSuffix }: Places,
  pictures: readonly string[],
  files: ReadonlySet<string>,
): Pair[] {
  if (pictures.length === 0) {
    throw new Error(`${OWNER}: ${images} holds no picture; expected JPEG, PNG or WebP files`);
  }
  const pairs = [...pictures].sort().map((picture) => {
    const stem = picture.slice(0, picture.length - path.extname(picture).length);
    return { picture, map: `${stem}${mapSuffix}` };
  });
  const missing = pairs.filter(({ map }) => !files.has(map));
  const [first] = missing;
  if (first) {
    throw new Error(
      `${OWNER}: ${first.picture} of ${images} has no label map ${first.map} in ${maps}` +
        (missing.length > 1 ? `, and so ${missing.length - 1} more` : '') +
        '; add it, take the picture away, or say by mapSuffix what the names of maps end in',
    );
  }
  const byMap = new Map<string, string>();
  for (const { picture, map } of pairs) {
    const other = byMap.get(map);
    if (other !== undefined) {
      throw new Error(
        `${OWNER}: ${other} and ${picture} of ${images} have one label map, ${map}; give each a name of its own`,
      );
    }
    byMap.set(map, picture);
  }
  return pairs;
}
