/** Annotations and results of a picture, class by class, ready to be matched. */
import { requireBox } from '../coco/dataset';
import { boxOverlaps, maskOverlaps, type MaskRegion, type Region } from '../coco/overlaps';
import { type CocoSegmentation, readSegmentation } from '../coco/run_lengths';
import { type CocoBox, runsArea, runsBox } from '../coco/runs';
import { shown } from '../common/arguments';
import type { Found, Truth } from './match_objects';

/** What is compared: boxes or masks. */
export type DetectionKind = 'box' | 'mask';

/** An object that is there. COCO's annotations are such. */
export interface TrueObject {
  /** For messages. */
  readonly id?: number;
  readonly category_id: number;
  /** `[x, y, width, height]` in pixels. Boxes need it. */
  readonly bbox?: CocoBox;
  /** Masks need it: run lengths or polygons. */
  readonly segmentation?: CocoSegmentation;
  /** In pixels. Default: that of what is compared, box or mask. */
  readonly area?: number;
  /** 1 where many objects are marked as one. Default 0. */
  readonly iscrowd?: 0 | 1;
}

/** An object that was found. COCO's results are such. */
export interface FoundObject {
  readonly category_id: number;
  /** `[x, y, width, height]` in pixels. Boxes need it; with masks it gives the area. */
  readonly bbox?: CocoBox;
  /** Masks need it: run lengths or polygons. */
  readonly segmentation?: CocoSegmentation;
  /** The more, the surer. */
  readonly score: number;
}

/** The objects of a class in a picture. */
export interface CategoryObjects {
  readonly truths: readonly Truth[];
  /** The surest first, of equal ones the first. */
  readonly found: readonly Found[];
  /** Intersection over union of each of `found` with each of `truths`. */
  readonly overlaps: readonly (readonly number[])[];
}

/**
 * Sorts the objects of a picture by class.
 *
 * @param size height and width of the picture
 * @param most how many of a class count, the surest
 * @throws {Error} when one lacks what is compared, or has a malformed part
 */
export function objectsByCategory(
  owner: string,
  kind: DetectionKind,
  size: readonly [number, number],
  annotations: readonly TrueObject[],
  results: readonly FoundObject[],
  most: number,
): Map<number, CategoryObjects> {
  const truths = groups(annotations.map((given, i) => truthOf(owner, kind, size, given, i)));
  const found = groups(results.map((given, i) => foundOf(owner, kind, size, given, i)));
  const all = new Map<number, CategoryObjects>();
  for (const category of new Set([...truths.keys(), ...found.keys()])) {
    const there = truths.get(category) ?? [];
    // Stable, as pycocotools' merge sort.
    const sure = [...(found.get(category) ?? [])].sort((a, b) => b.score - a.score).slice(0, most);
    const isCrowd = (i: number) => there[i]?.isCrowd === true;
    const overlaps =
      kind === 'box'
        ? boxOverlaps(sure, there, isCrowd)
        : maskOverlaps(sure as MaskFound[], there as MaskTruth[], isCrowd);
    // What masks are large is not kept.
    all.set(category, {
      truths: there.map(({ limit: area, isCrowd: crowd }) => ({ area, isCrowd: crowd })),
      found: sure.map(({ limit: area, score }) => ({ area, score })),
      overlaps,
    });
  }
  return all;
}

/** What an object is compared by, and the area that says whether it is small or large. */
interface Placed extends Region {
  readonly category: number;
  readonly limit: number;
}
interface PlacedTruth extends Placed {
  readonly isCrowd: boolean;
}
interface PlacedFound extends Placed {
  readonly score: number;
}
type MaskTruth = PlacedTruth & MaskRegion;
type MaskFound = PlacedFound & MaskRegion;

function groups<T extends Placed>(objects: readonly T[]): Map<number, T[]> {
  const all = new Map<number, T[]>();
  for (const object of objects) {
    const group = all.get(object.category);
    if (group) group.push(object);
    else all.set(object.category, [object]);
  }
  return all;
}

function truthOf(
  owner: string,
  kind: DetectionKind,
  size: readonly [number, number],
  given: TrueObject,
  i: number,
): PlacedTruth {
  const { id = i, category_id: category, iscrowd = 0 } = given;
  const name = `annotation ${id}`;
  if (iscrowd !== 0 && iscrowd !== 1) {
    throw new Error(`${owner}: ${name} has iscrowd ${shown(iscrowd)}; expected 0 or 1`);
  }
  const region = regionOf(owner, kind, size, given, name);
  const { area: limit = region.area } = given;
  if (!(Number.isFinite(limit) && limit >= 0)) {
    throw new Error(`${owner}: ${name} has the area ${shown(limit)}; expected a number of pixels`);
  }
  return { ...region, category, limit, isCrowd: iscrowd === 1 };
}

function foundOf(
  owner: string,
  kind: DetectionKind,
  size: readonly [number, number],
  given: FoundObject,
  i: number,
): PlacedFound {
  const name = `result ${i}`;
  const { category_id: category, score, bbox } = given;
  if (!Number.isFinite(score)) {
    throw new Error(`${owner}: ${name} has the score ${shown(score)}; expected a number`);
  }
  const region = regionOf(owner, kind, size, given, name);
  const [, , width, height] = bbox ? requireBox(`${owner}: the bbox of ${name}`, bbox) : region.box;
  const limit = bbox ? width * height : region.area;
  return { ...region, category, limit, score };
}

function regionOf(
  owner: string,
  kind: DetectionKind,
  size: readonly [number, number],
  { bbox, segmentation }: TrueObject | FoundObject,
  name: string,
): Region & { readonly area: number } {
  if (kind === 'box') {
    const box = requireBox(`${owner}: the bbox of ${name}`, bbox);
    return { box, area: box[2] * box[3] };
  }
  const runs = readSegmentation(owner, `the segmentation of ${name}`, segmentation, size);
  const region: MaskRegion = { runs, box: runsBox(runs), area: runsArea(runs) };
  return region;
}
