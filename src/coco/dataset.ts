/** COCO's JSON of annotations, checked. */
import { requireArgument, shown } from '../common/arguments';
import { messageOf } from '../common/messages';
import { MOST_COORDINATE } from './polygon';
import { type CocoSegmentation, requireMaskSize, requirePolygons } from './run_lengths';
import type { CocoBox } from './runs';

/** A picture. */
export interface CocoImage {
  readonly id: number;
  /** In pixels. */
  readonly width: number;
  readonly height: number;
  /** Path from the folder of the pictures. */
  readonly file_name?: string;
}

/** An object in a picture. */
export interface CocoAnnotation {
  readonly id: number;
  readonly image_id: number;
  readonly category_id: number;
  /** `[x, y, width, height]` in pixels. */
  readonly bbox: CocoBox;
  /** In pixels; what tells small from large. Where it is not given: of the box. */
  readonly area: number;
  /** 1 where many objects are marked as one, 0 otherwise. */
  readonly iscrowd: 0 | 1;
  readonly segmentation?: CocoSegmentation;
}

/** A class. */
export interface CocoCategory {
  readonly id: number;
  readonly name: string;
}

/** Annotations of pictures, as COCO's `instances_*.json` has them; whatever else is there is left out. */
export interface CocoDataset {
  readonly images: readonly CocoImage[];
  readonly annotations: readonly CocoAnnotation[];
  /** By id. */
  readonly categories: readonly CocoCategory[];
}

/** An entry of unknown content. */
type Entry = Readonly<Record<string, unknown>>;

/**
 * Reads COCO's JSON of annotations.
 *
 * @param json its text, or what `JSON.parse` made of it
 * @param name what to call it in messages. Default `'annotations'`
 * @returns plain JSON of what is needed here
 * @throws {Error} when it is no such JSON: ids are there twice or lead nowhere, a number is missing, negative or none,
 *   a category has no name or one that is there twice, a polygon has less than three corners, or run
 *   lengths are of another size than their picture. Run lengths are read when they are wanted
 *
 * @example
 * const dataset = parseCoco(await readFile('instances_val2017.json', 'utf8'));
 */
export function parseCoco(json: unknown, name = 'annotations'): CocoDataset {
  const root = parseJson('parseCoco', json, name);
  const isObject = typeof root === 'object' && root !== null && !Array.isArray(root);
  const expected = "COCO's { images, annotations, categories }";
  requireArgument('parseCoco', name, root, isObject, expected);
  const lists = root as Entry;
  const listOf = (key: string): readonly unknown[] => {
    const list = lists[key];
    if (Array.isArray(list)) return list as unknown[];
    throw new Error(
      `parseCoco: ${name} has ${key} ${shown(list)}; expected ${expected}, three lists`,
    );
  };
  const reader = new EntryReader(`parseCoco: ${name}`);
  const categories = listOf('categories')
    .map((entry, i) => reader.category(entry, i))
    .sort((a, b) => a.id - b.id);
  const images = listOf('images').map((entry, i) => reader.image(entry, i));
  const annotations = listOf('annotations').map((entry, i) => reader.annotation(entry, i));
  return { images, annotations, categories };
}

/**
 * JSON from text, where it is text.
 *
 * @throws {Error} when it is none, or was given as bytes
 */
export function parseJson(owner: string, json: unknown, name: string): unknown {
  if (typeof json !== 'string') return json;
  try {
    return JSON.parse(json.replace(/^\uFEFF/, ''));
  } catch (error) {
    throw new Error(`${owner}: ${name} are no JSON: ${messageOf(error)}`, { cause: error });
  }
}

/** Checks entry by entry, with the ids that have been seen. */
class EntryReader {
  private readonly images = new Map<number, CocoImage>();
  private readonly categories = new Map<number, string>();
  private readonly names = new Set<string>();
  private readonly annotations = new Set<number>();

  constructor(private readonly owner: string) {}

  category(entry: unknown, place: number): CocoCategory {
    const { id, name } = this.entry('category', entry, place);
    this.requireNew('category', id, place, this.categories);
    if (typeof name !== 'string' || name === '') {
      this.fail(`category ${id}`, `has the name ${shown(name)}; expected a text that is not empty`);
    }
    if (this.names.has(name)) {
      this.fail(
        `category ${id}`,
        `is named ${shown(name)} as another is; expected names that differ`,
      );
    }
    this.names.add(name);
    this.categories.set(id, name);
    return { id, name };
  }

  image(entry: unknown, place: number): CocoImage {
    const { id, width, height, file_name: file } = this.entry('image', entry, place);
    this.requireNew('image', id, place, this.images);
    const sides = requireMaskSize(this.owner, `[height, width] of image ${id}`, [height, width]);
    if (file !== undefined && (typeof file !== 'string' || file === '')) {
      this.fail(`image ${id}`, `has the file_name ${shown(file)}; expected a path`);
    }
    const image = { id, width: sides[1], height: sides[0] };
    const read: CocoImage = file === undefined ? image : { ...image, file_name: file };
    this.images.set(id, read);
    return read;
  }

  annotation(entry: unknown, place: number): CocoAnnotation {
    const given = this.entry('annotation', entry, place);
    const { id, image_id: imageId, category_id: categoryId, iscrowd = 0 } = given;
    this.requireNew('annotation', id, place, this.annotations);
    const what = `annotation ${id}`;
    const image = this.images.get(imageId as number);
    if (!image) this.fail(what, `is of image ${shown(imageId)}, which is not among images`);
    if (!this.categories.has(categoryId as number)) {
      this.fail(what, `is of category ${shown(categoryId)}, which is not among categories`);
    }
    const isCrowd = typeof iscrowd === 'boolean' ? Number(iscrowd) : iscrowd;
    if (isCrowd !== 0 && isCrowd !== 1) {
      this.fail(what, `has iscrowd ${shown(iscrowd)}; expected 0 or 1`);
    }
    const bbox = requireBox(`${this.owner}: the bbox of ${what}`, given.bbox);
    const { area = bbox[2] * bbox[3] } = given;
    if (!(Number.isFinite(area) && (area as number) >= 0)) {
      this.fail(what, `has the area ${shown(area)}; expected a number of pixels`);
    }
    this.annotations.add(id);
    const read = {
      id,
      image_id: image.id,
      category_id: categoryId as number,
      bbox,
      area: area as number,
      iscrowd: isCrowd,
    } as const;
    const segmentation = this.segmentation(what, given.segmentation, image);
    return segmentation ? { ...read, segmentation } : read;
  }

  /** An empty list is no mask. */
  private segmentation(
    what: string,
    given: unknown,
    image: CocoImage,
  ): CocoSegmentation | undefined {
    if (given === undefined || given === null) return undefined;
    if (Array.isArray(given)) {
      if (given.length === 0) return undefined;
      const polygons: unknown = given;
      requirePolygons(this.owner, `the segmentation of ${what}`, polygons);
      return polygons;
    }
    return requireSize(`${this.owner}: the segmentation of ${what}`, given, image);
  }

  private entry(kind: string, entry: unknown, place: number): Entry & { readonly id: number } {
    const isObject = typeof entry === 'object' && entry !== null && !Array.isArray(entry);
    if (!isObject) this.fail(`${kind} number ${place}`, `is ${shown(entry)}; expected an object`);
    const { id } = entry as Entry;
    if (!Number.isSafeInteger(id)) {
      this.fail(`${kind} number ${place}`, `has the id ${shown(id)}; expected a whole number`);
    }
    return entry as Entry & { readonly id: number };
  }

  private requireNew(
    kind: string,
    id: number,
    place: number,
    seen: { has(id: number): boolean },
  ): void {
    if (!seen.has(id)) return;
    this.fail(
      `${kind} number ${place}`,
      `has the id ${id}, which another has; expected one of its own`,
    );
  }

  private fail(what: string, is: string): never {
    throw new Error(`${this.owner}: ${what} ${is}`);
  }
}

/** Asserts `[x, y, width, height]`. */
export function requireBox(what: string, box: unknown): CocoBox {
  const numbers: unknown[] = Array.isArray(box) ? box : [];
  const fits =
    numbers.length === 4 &&
    numbers.every((value) => typeof value === 'number' && Math.abs(value) <= MOST_COORDINATE);
  const [, , width, height] = numbers as [number, number, number, number];
  if (fits && width >= 0 && height >= 0) return [...(numbers as unknown as CocoBox)];
  throw new Error(
    `${what} is ${shown(box)}; expected [x, y, width, height] in pixels, at most ${MOST_COORDINATE}, width ` +
      'and height not below 0',
  );
}

/** Asserts that run lengths are of the size of their picture; whether they are in order is seen later. */
export function requireSize(what: string, mask: unknown, image: CocoImage): CocoSegmentation {
  const { size, counts } = mask as { size?: unknown; counts?: unknown };
  const isMask = typeof counts === 'string' || Array.isArray(counts);
  const [height, width] = (Array.isArray(size) ? size : []) as unknown[];
  if (isMask && height === image.height && width === image.width) {
    return { size: [image.height, image.width], counts };
  }
  throw new Error(
    `${what} is ${shown(mask)}; expected polygons, or run lengths { size, counts } of its picture's size ` +
      `[${image.height}, ${image.width}]`,
  );
}
