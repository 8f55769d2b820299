/** COCO: the names of its 80 classes of objects, and the numbers that its files give them. */

const NAMES =
  'person,bicycle,car,motorcycle,airplane,bus,train,truck,boat,traffic light,fire hydrant,stop sign,' +
  'parking meter,bench,bird,cat,dog,horse,sheep,cow,elephant,bear,zebra,giraffe,backpack,umbrella,handbag,' +
  'tie,suitcase,frisbee,skis,snowboard,sports ball,kite,baseball bat,baseball glove,skateboard,surfboard,' +
  'tennis racket,bottle,wine glass,cup,fork,knife,spoon,bowl,banana,apple,sandwich,orange,broccoli,carrot,' +
  'hot dog,pizza,donut,cake,chair,couch,potted plant,bed,dining table,toilet,tv,laptop,mouse,remote,keyboard,' +
  'cell phone,microwave,oven,toaster,sink,refrigerator,book,clock,vase,scissors,teddy bear,hair drier,' +
  'toothbrush';

/** Numbers of 1 to 90 that no class has. */
const UNUSED: ReadonlySet<number> = new Set([12, 26, 29, 30, 45, 66, 68, 69, 71, 83]);

/**
 * Names of the 80 classes of COCO (Lin et al. 2014, arXiv 1405.0312), by the index that a detector gives them,
 * which is the order of `categories` in the data set's files.
 */
export const COCO_CLASSES: readonly string[] = /* @__PURE__ */ NAMES.split(',');

/** `category_id` of each class in COCO's files: 1 to 90, of which ten were never used. */
export const COCO_CATEGORY_IDS: readonly number[] = /* @__PURE__ */ Array.from(
  { length: 90 },
  (_, i) => i + 1,
).filter((id) => !UNUSED.has(id));
