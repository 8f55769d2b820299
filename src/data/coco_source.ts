/** Pictures with objects that COCO's annotations mark. */
import type { CocoAnnotation, CocoDataset, CocoImage } from '../coco/dataset';
import type { PictureObjects } from '../coco/picture_objects';
import { packRuns, readSegmentation, type RunLengths } from '../coco/run_lengths';
import { requireArgument, requireFunction, requireOneOf, shown } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import { type PixelImage, type RgbImage, toRgb } from '../preprocessing/image';
import { requireClassNames } from './class_names';
import { requireExample } from './example_source';
import type { ObjectSource } from './object_source';

/** Options of `cocoSource`. */
export interface CocoSourceOptions {
  /**
   * Names of the classes in the order of their labels, such as a model's; objects of other categories are left
   * out. Default: all categories, by id.
   */
  classNames?: readonly string[];
  /** Whether masks are wanted; then each object must have one. Default true. */
  masks?: boolean;
  /** What becomes of pictures in which nothing is marked, crowds included. Default `'keep'`. */
  empty?: 'keep' | 'skip';
}

export const COCO_SOURCE_OPTIONS: OptionNames<CocoSourceOptions> = {
  classNames: true,
  masks: true,
  empty: true,
};

/** A source whose annotations are at hand, for evaluating. */
export interface CocoSource extends ObjectSource {
  /** All annotations as they were given. */
  readonly dataset: CocoDataset;
  /** Id of each class among the categories. */
  readonly categoryIds: readonly number[];
  /** Id of a picture. */
  imageId(index: number): number;
}

/**
 * Makes a source of pictures with objects of COCO's annotations. What cannot be learnt is left out, as
 * mmdetection does it: boxes that are less than a pixel wide or high, that lie outside of the picture, and objects
 * without area. Crowds are no objects: their boxes come apart.
 *
 * @param dataset what `parseCoco` gives
 * @param read gives the pixels of a picture by its `file_name`; the source may read several at a time
 * @throws {Error} when a class is no category of the dataset, an object lacks a mask, a picture its `file_name`,
 *   or there is no picture. A mask that is damaged, or a picture of another size than its annotations say, is
 *   an error when it is read
 *
 * @example
 * const dataset = parseCoco(await (await fetch('annotations.json')).text());
 * const source = cocoSource(dataset, async (file) => {
 *   const blob = await (await fetch(`pictures/${file}`)).blob();
 *   return readPixels(await createImageBitmap(blob));
 * });
 */
export function cocoSource(
  dataset: CocoDataset,
  read: (fileName: string) => Promise<PixelImage>,
  options: CocoSourceOptions = {},
): CocoSource {
  return sourceOf('cocoSource', dataset, read, options);
}

/** The same for functions of other names. */
export function sourceOf(
  owner: string,
  dataset: CocoDataset,
  read: (fileName: string) => Promise<PixelImage>,
  options: CocoSourceOptions,
): CocoSource {
  requireOptions(owner, options, COCO_SOURCE_OPTIONS);
  const { images, annotations, categories } = (dataset ?? {}) as CocoDataset;
  const isDataset = [images, annotations, categories].every(Array.isArray);
  requireArgument(owner, 'dataset', dataset, isDataset, 'what parseCoco gives');
  requireFunction(owner, 'read', read);
  const { masks = true, empty = 'keep' } = options;
  requireArgument(owner, 'masks', masks, typeof masks === 'boolean', 'true or false');
  requireOneOf(owner, 'empty', empty, ['keep', 'skip']);
  const { classNames, categoryIds } = classesOf(owner, dataset, options.classNames);
  const marked = markedByImage(owner, annotations, categoryIds, masks);
  const pictures = images.filter(({ id }) => empty === 'keep' || marked.has(id));
  const [without] = pictures.filter(({ file_name: file }) => file === undefined);
  if (without) throw new Error(`${owner}: image ${without.id} has no file_name to read it by`);
  if (pictures.length === 0) {
    throw new Error(
      `${owner}: there is no picture${images.length > 0 ? ' in which an object of these classes is marked' : ''}`,
    );
  }
  const at = (index: number): CocoImage => {
    requireExample(owner, index, pictures.length);
    return pictures[index] as CocoImage;
  };
  return {
    dataset,
    categoryIds,
    length: pictures.length,
    classNames,
    imageId: (index) => at(index).id,
    name: (index) => at(index).file_name as string,
    objects: (index) => {
      const image = at(index);
      return objectsOf(owner, image, marked.get(image.id) ?? [], categoryIds, masks);
    },
    read: async (index) => readPicture(owner, at(index), read),
    close: () => Promise.resolve(),
  };
}

/** Names of the classes, and the id of each. */
function classesOf(
  owner: string,
  { categories }: CocoDataset,
  wanted: readonly string[] | undefined,
): { classNames: readonly string[]; categoryIds: readonly number[] } {
  const ids = new Map(categories.map(({ id, name }) => [name, id]));
  const classNames = wanted ?? [...ids.keys()];
  requireClassNames(owner, classNames);
  const categoryIds = classNames.map((name) => {
    const id = ids.get(name);
    if (id !== undefined) return id;
    throw new Error(
      `${owner}: no category is named ${shown(name)}; there are ${[...ids.keys()].map(shown).join(', ')}`,
    );
  });
  return { classNames: [...classNames], categoryIds };
}

/** The annotations of the classes, by picture. */
function markedByImage(
  owner: string,
  annotations: readonly CocoAnnotation[],
  categoryIds: readonly number[],
  masks: boolean,
): Map<number, CocoAnnotation[]> {
  const known = new Set(categoryIds);
  const all = new Map<number, CocoAnnotation[]>();
  for (const annotation of annotations) {
    if (!known.has(annotation.category_id)) continue;
    if (masks && !annotation.segmentation && !annotation.iscrowd) {
      throw new Error(
        `${owner}: annotation ${annotation.id} has no segmentation; give masks: false to learn boxes alone`,
      );
    }
    const list = all.get(annotation.image_id);
    if (list) list.push(annotation);
    else all.set(annotation.image_id, [annotation]);
  }
  return all;
}

function objectsOf(
  owner: string,
  { width, height }: CocoImage,
  annotations: readonly CocoAnnotation[],
  categoryIds: readonly number[],
  hasMasks: boolean,
): PictureObjects {
  const marked = annotations.filter(({ bbox: [x, y, w, h], area }) => {
    const isInside =
      Math.min(x + w, width) > Math.max(x, 0) && Math.min(y + h, height) > Math.max(y, 0);
    return isInside && w >= 1 && h >= 1 && area > 0;
  });
  const objects = marked.filter(({ iscrowd }) => iscrowd === 0);
  const crowds = marked.filter(({ iscrowd }) => iscrowd === 1);
  const found = {
    width,
    height,
    boxes: cornersOf(objects),
    labels: Int32Array.from(objects, (one) => categoryIds.indexOf(one.category_id)),
    crowds: cornersOf(crowds),
  };
  if (!hasMasks) return found;
  const masks = objects.map(({ id, segmentation }): RunLengths => {
    const name = `the segmentation of annotation ${id}`;
    return packRuns(readSegmentation(owner, name, segmentation, [height, width]));
  });
  return { ...found, masks };
}

function cornersOf(annotations: readonly CocoAnnotation[]): Float32Array {
  return Float32Array.from(annotations.flatMap(({ bbox: [x, y, w, h] }) => [x, y, x + w, y + h]));
}

async function readPicture(
  owner: string,
  { width, height, file_name: file }: CocoImage,
  read: (fileName: string) => Promise<PixelImage>,
): Promise<RgbImage> {
  const image = toRgb(await read(file as string));
  if (image.width === width && image.height === height) return image;
  throw new Error(
    `${owner}: ${file} is of ${image.width} x ${image.height} pixels, its annotations say ${width} x ${height}; ` +
      'give the picture that was annotated',
  );
}
