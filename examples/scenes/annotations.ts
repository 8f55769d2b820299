/** What is in a scene as COCO's JSON has it. */
import type { CocoAnnotation, CocoDataset } from 'tfjs-revcol';
import { ITEM_CLASSES } from './items';
import { type Scene, SCENE_SIDE } from './scene';

/** The classes of items, counted from 1. */
export const CATEGORIES: CocoDataset['categories'] = ITEM_CLASSES.map((name, c) => ({
  id: c + 1,
  name,
}));

/**
 * The objects of a scene as annotations of an image.
 *
 * @param firstId of the annotations, the others count from there
 */
export function annotationsOf(
  { objects, instances }: Pick<Scene, 'objects' | 'instances'>,
  imageId: number,
  firstId: number,
): CocoAnnotation[] {
  return objects.map(({ label, box: [x1, y1, x2, y2], area }, k) => ({
    id: firstId + k,
    image_id: imageId,
    category_id: label + 1,
    bbox: [x1, y1, x2 - x1, y2 - y1],
    area,
    iscrowd: 0,
    segmentation: { size: [SCENE_SIDE, SCENE_SIDE], counts: runLengths(instances, k + 1) },
  }));
}

/** Run lengths of an object's mask as COCO counts them: column by column, zeros first. */
function runLengths(instances: Uint8Array, id: number): number[] {
  const counts: number[] = [];
  let [isObject, length] = [false, 0];
  for (let x = 0; x < SCENE_SIDE; x++) {
    for (let y = 0; y < SCENE_SIDE; y++) {
      const isOwn = instances[SCENE_SIDE * y + x] === id;
      if (isOwn !== isObject) {
        counts.push(length);
        [isObject, length] = [isOwn, 0];
      }
      length++;
    }
  }
  return [...counts, length];
}
