/** COCO's JSON of results: what a detector found. */
import { requireArgument, shown } from '../common/arguments';
import { type CocoDataset, type CocoImage, parseJson, requireBox, requireSize } from './dataset';
import { type CocoSegmentation, requirePolygons } from './run_lengths';
import type { CocoBox } from './runs';

/** An object that was found in a picture: with a box, a mask, or both. */
export interface CocoResult {
  readonly image_id: number;
  readonly category_id: number;
  /** `[x, y, width, height]` in pixels. */
  readonly bbox?: CocoBox;
  readonly segmentation?: CocoSegmentation;
  /** How sure it is: the more, the surer. */
  readonly score: number;
}

const OWNER = 'parseCocoResults';

/**
 * Reads COCO's JSON of results.
 *
 * @param json its text, or what `JSON.parse` made of it: a list
 * @param dataset the annotations of the pictures, of which `parseCoco` makes one
 * @param name what to call it in messages. Default `'results'`
 * @returns plain JSON, without what else the entries hold
 * @throws {Error} when it is no such JSON; a picture or category is none of the dataset's; an entry has neither box
 *   nor mask, or no score; a box has a negative side; or a mask is of another size than its picture
 */
export function parseCocoResults(
  json: unknown,
  dataset: CocoDataset,
  name = 'results',
): CocoResult[] {
  const { images, categories } = (dataset ?? {}) as Partial<CocoDataset>;
  const isDataset = Array.isArray(images) && Array.isArray(categories);
  requireArgument(OWNER, 'dataset', dataset, isDataset, 'what parseCoco gives');
  const list = parseJson(OWNER, json, name);
  requireArgument(
    OWNER,
    name,
    list,
    Array.isArray(list),
    'a list of { image_id, category_id, score, ... }',
  );
  const pictures = new Map(dataset.images.map((image) => [image.id, image]));
  const known = new Set(dataset.categories.map(({ id }) => id));
  return (list as unknown[]).map((entry, i) => {
    const what = `${OWNER}: ${name}: entry ${i}`;
    const isObject = typeof entry === 'object' && entry !== null && !Array.isArray(entry);
    if (!isObject) throw new Error(`${what} is ${shown(entry)}; expected an object`);
    return readResult(what, entry as Record<string, unknown>, pictures, known);
  });
}

function readResult(
  what: string,
  entry: Record<string, unknown>,
  pictures: ReadonlyMap<number, CocoImage>,
  categories: ReadonlySet<number>,
): CocoResult {
  const { image_id: imageId, category_id: categoryId, score } = entry;
  const image = pictures.get(imageId as number);
  if (!image) {
    throw new Error(`${what} is of image ${shown(imageId)}, which the annotations do not have`);
  }
  if (!categories.has(categoryId as number)) {
    throw new Error(
      `${what} is of category ${shown(categoryId)}, which the annotations do not have`,
    );
  }
  if (!Number.isFinite(score)) {
    throw new Error(`${what} has the score ${shown(score)}; expected a number`);
  }
  // An empty list is none, as some write for results of the other kind.
  const isThere = (value: unknown) =>
    value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0);
  const bbox = isThere(entry.bbox) ? requireBox(`${what}: bbox`, entry.bbox) : undefined;
  const segmentation = isThere(entry.segmentation)
    ? readMask(`${what}: segmentation`, entry.segmentation, image)
    : undefined;
  if (!bbox && !segmentation) {
    throw new Error(`${what} has neither bbox nor segmentation; expected one of them, or both`);
  }
  return {
    image_id: image.id,
    category_id: categoryId as number,
    ...(bbox ? { bbox } : {}),
    ...(segmentation ? { segmentation } : {}),
    score: score as number,
  };
}

function readMask(what: string, mask: unknown, image: CocoImage): CocoSegmentation {
  if (!Array.isArray(mask)) return requireSize(what, mask, image);
  const polygons: unknown = mask;
  requirePolygons(OWNER, what.slice(OWNER.length + 2), polygons);
  return polygons;
}
