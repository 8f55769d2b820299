/** What a detector found in a picture as COCO's JSON of results. */
import { requireArgument, requireList, shown } from '../common/arguments';
import { encodeMask } from './masks';
import type { CocoResult } from './results';

/** What was found in a picture, as `detect` gives it. */
export interface FoundInPicture {
  /** Of the picture in pixels. */
  readonly width: number;
  readonly height: number;
  readonly objects: readonly {
    /** Left, top, right, bottom in pixels. */
    readonly box: readonly [x1: number, y1: number, x2: number, y2: number];
    readonly score: number;
    /** Number of its class, from 0. */
    readonly label: number;
    /** Row by row, 0 where it is not set; null for none. */
    readonly mask: Uint8Array | null;
  }[];
}

const OWNER = 'cocoResults';

/**
 * Results as COCO's JSON has them: entries of all pictures in one list, for `JSON.stringify`.
 *
 * @param imageId id of the picture in the annotations
 * @param categoryIds id of each class, such as `COCO_CATEGORY_IDS`, or `categoryIds` of a source
 * @throws {Error} when an argument is malformed, or an object is of a class without id
 *
 * @example
 * const results = cocoResults(source.imageId(i), await detect(model, image), source.categoryIds);
 */
export function cocoResults(
  imageId: number,
  found: FoundInPicture,
  categoryIds: readonly number[],
): CocoResult[] {
  requireArgument(OWNER, 'imageId', imageId, Number.isSafeInteger(imageId), 'a whole number');
  const { width, height, objects } = (found ?? {}) as FoundInPicture;
  requireArgument(OWNER, 'found', found, Array.isArray(objects), 'what detect gives');
  requireList(OWNER, 'categoryIds', categoryIds, 'ids of categories by class');
  return objects.map((object, i) => {
    const { box, score, label } = object;
    const id = categoryIds[label];
    const isBox = Array.isArray(box) && box.length === 4 && box.every(Number.isFinite);
    if (id === undefined || !isBox || !Number.isFinite(score)) {
      throw new Error(
        `${OWNER}: object ${i} is ${shown({ box, score, label })}; expected [x1, y1, x2, y2] in pixels, a score, ` +
          `and one of the ${categoryIds.length} classes that have ids`,
      );
    }
    const [x1, y1, x2, y2] = box;
    const result = {
      image_id: imageId,
      category_id: id,
      bbox: [x1, y1, x2 - x1, y2 - y1] as const,
      score,
    };
    // Made anew at every look.
    const { mask: data } = object;
    return data ? { ...result, segmentation: encodeMask({ width, height, data }) } : result;
  });
}
