/** What `detect` writes: COCO's JSON of objects. */
import type { CocoDataset } from '../../coco/dataset';
import { maskArea } from '../../coco/masks';
import type { RunLengths } from '../../coco/run_lengths';
import { cocoResults } from '../../coco/write_results';
import type { Detections } from '../../models/detect';
import { COCO_CATEGORY_IDS, COCO_CLASSES } from '../../registry/coco';
import { few } from '../base/text';

/** A picture with what was found in it. */
export interface CocoPicture {
  readonly file: string;
  /** Its number in the JSON. */
  readonly id: number;
  readonly detections: Detections;
}

/**
 * Numbers of pictures: those that a data set gives to files of their names, else from 1.
 *
 * @throws {Error} when the data set has none or several of a name, or files share one
 */
export function pictureIds(files: readonly string[], dataset: CocoDataset | undefined): number[] {
  if (!dataset) return files.map((_, i) => i + 1);
  const plain = (path: string) => path.replaceAll('\\', '/');
  const taken = new Map<number, string>();
  return files.map((file) => {
    const own = plain(file);
    const fits = dataset.images.filter(({ file_name: name = '' }) => {
      const there = plain(name);
      return there !== '' && (own === there || own.endsWith(`/${there}`));
    });
    const [image, ...others] = fits;
    if (image && others.length === 0) {
      const other = taken.get(image.id);
      if (other !== undefined) {
        throw new Error(
          `--coco has one image, ${image.file_name}, with the names of both ${other} and ${file}; leave one out`,
        );
      }
      taken.set(image.id, file);
      return image.id;
    }
    throw new Error(
      `--coco has ${fits.length} images with the name of ${file}; expected one, by its file_name`,
    );
  });
}

/**
 * Number of each class: that of the data set's category of its name, else COCO's, else from 1.
 *
 * @throws {Error} when the data set has no category of a name
 */
export function categoryIds(
  classes: readonly string[],
  dataset: CocoDataset | undefined,
): number[] {
  if (dataset) {
    return classes.map((name) => {
      const category = dataset.categories.find((one) => one.name === name);
      if (category) return category.id;
      const there = few(dataset.categories.map((one) => one.name));
      throw new Error(
        `--coco has no category '${name}', as a class of the model is named; give --classes, a file with names out ` +
          `of ${there}`,
      );
    });
  }
  const isCoco =
    classes.length === COCO_CLASSES.length && classes.every((n, i) => n === COCO_CLASSES[i]);
  return isCoco ? [...COCO_CATEGORY_IDS] : classes.map((_, i) => i + 1);
}

/**
 * COCO's JSON of pictures and their objects: with a data set the list of results that its evaluation takes, else images,
 * categories, and annotations with scores.
 *
 * @param ids number of each class
 */
export function cocoJson(
  pictures: readonly CocoPicture[],
  ids: readonly number[],
  dataset?: CocoDataset,
): unknown {
  const classes = pictures[0]?.detections.classes ?? [];
  const results = pictures.flatMap(({ id, detections }) => cocoResults(id, detections, ids));
  if (dataset) return results;
  return {
    images: pictures.map(({ file, id, detections: { width, height } }) => ({
      id,
      file_name: file.replaceAll('\\', '/'),
      width,
      height,
    })),
    categories: classes.map((name, i) => ({ id: ids[i], name })),
    annotations: results.map((result, i) => {
      const [, , width, height] = result.bbox ?? [0, 0, 0, 0];
      const { segmentation } = result;
      // Those of masks are run lengths here, never polygons.
      const area = segmentation ? maskArea(segmentation as RunLengths) : width * height;
      return { id: i + 1, ...result, area, iscrowd: 0 };
    }),
  };
}
