/** Average precision of detected boxes or masks, as COCO defines it and pycocotools computes it. */
import { requireMaskSize } from '../coco/run_lengths';
import { requireArgument, requireList, requireOneOf, shown } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import {
  type DetectionKind,
  type FoundObject,
  objectsByCategory,
  type TrueObject,
} from './coco_objects';
import { type Matches, matchObjects } from './match_objects';
import { type AveragePrecisionResult, type DetectionLimits, summarize } from './precision_summary';

/** Options of `AveragePrecision`. */
export interface AveragePrecisionOptions {
  /** Ids of the classes, each once. */
  categories: readonly number[];
  /** Whether boxes are compared or masks. Default `'box'`. */
  kind?: DetectionKind;
  /**
   * At most how many objects of a class count in a picture, the surest: three limits, ascending. Default
   * `[1, 10, 100]`, COCO's; mmdetection has `[100, 300, 1000]`.
   */
  maxDetections?: DetectionLimits;
}

const OPTIONS: OptionNames<AveragePrecisionOptions> = {
  categories: true,
  kind: true,
  maxDetections: true,
};

/** A picture, of which COCO's have more. */
export interface EvaluatedImage {
  readonly id: number;
  /** In pixels. */
  readonly width: number;
  readonly height: number;
}

const ADD = 'AveragePrecision.add';

/**
 * COCO's average precision over pictures that are added one by one, of each of which some bytes for each
 * object are kept. All figures are those of pycocotools 2.0.11, with one difference: an annotation may
 * have the id 0, which pycocotools takes for none.
 *
 * @example
 * const metric = new AveragePrecision({ categories: [1, 2, 3], kind: 'mask' });
 * metric.add(image, annotations, results);
 * metric.result().AP;
 */
export class AveragePrecision {
  private readonly ids: ReadonlySet<number>;
  private readonly kind: DetectionKind;
  private readonly limits: DetectionLimits;
  /** What was matched, by picture and class. */
  private readonly pictures = new Map<number, ReadonlyMap<number, Matches>>();

  /** @throws {Error} when an option is unknown or out of range */
  constructor(options: AveragePrecisionOptions) {
    requireOptions('AveragePrecision', options, OPTIONS);
    const { categories, kind = 'box', maxDetections = [1, 10, 100] } = options;
    requireCategories(categories);
    requireOneOf('AveragePrecision', 'kind', kind, ['box', 'mask']);
    requireLimits(maxDetections);
    this.ids = new Set(categories);
    this.kind = kind;
    this.limits = [...maxDetections];
  }

  /**
   * Takes in a picture. The order of pictures does not matter: of equal scores those of the lower id come
   * first, in a picture those that are given first.
   *
   * @param image its id, and its size, which run lengths must have
   * @param annotations what is there; ids of pictures in it are of no effect
   * @param results what was found. As in pycocotools, a mask that comes with a box counts as small, medium or
   *   large by the area of the box
   * @throws {Error} when the picture was added before, a category is unknown, a box or mask is missing or
   *   malformed, or a score is no number; nothing has been taken in then
   */
  add(
    image: EvaluatedImage,
    annotations: readonly TrueObject[],
    results: readonly FoundObject[],
  ): void {
    const { id, width, height } = (image ?? {}) as EvaluatedImage;
    requireArgument(ADD, 'the id of image', id, Number.isSafeInteger(id), 'a whole number');
    if (this.pictures.has(id)) {
      throw new Error(`${ADD}: image ${id} was added before; give each an id of its own`);
    }
    const owner = `${ADD}: image ${id}`;
    const size = requireMaskSize(owner, '[height, width]', [height, width]);
    this.requireKnown(owner, 'annotations', annotations);
    this.requireKnown(owner, 'results', results);
    const [, , most] = this.limits;
    const all = objectsByCategory(owner, this.kind, size, annotations, results, most);
    const matches = Array.from(all, ([category, { truths, found, overlaps }]) => {
      return [category, matchObjects(truths, found, overlaps)] as const;
    });
    this.pictures.set(id, new Map(matches));
  }

  /** What has been added by now. */
  result(): AveragePrecisionResult {
    const sorted = [...this.pictures].sort(([a], [b]) => a - b).map(([, matches]) => matches);
    const categories = Array.from(this.ids, (id) => ({
      id,
      pictures: sorted.flatMap((matches) => matches.get(id) ?? []),
    }));
    return summarize(categories, this.limits);
  }

  private requireKnown(owner: string, name: string, objects: readonly TrueObject[]): void {
    requireList(owner, name, objects, 'objects { category_id, bbox or segmentation, ... }');
    for (const [i, object] of objects.entries()) {
      const { category_id: id } = ((object as unknown) ?? {}) as Partial<TrueObject>;
      if (id !== undefined && this.ids.has(id)) continue;
      throw new Error(
        `${owner}: the category_id of ${name}[${i}] is ${shown(id)}; expected one of ${shown([...this.ids])}`,
      );
    }
  }
}

function requireCategories(categories: unknown): asserts categories is readonly number[] {
  requireList('AveragePrecision', 'categories', categories, 'ids of classes');
  const ids = categories as unknown[];
  const wrong = ids.find((id, i) => !Number.isSafeInteger(id) || ids.indexOf(id) !== i);
  if (wrong === undefined && !ids.includes(undefined)) return;
  throw new Error(
    `AveragePrecision: categories have ${shown(wrong)}; expected whole numbers, each once`,
  );
}

function requireLimits(limits: unknown): void {
  const given: unknown[] = Array.isArray(limits) ? limits : [];
  const fits =
    given.length === 3 &&
    given.every((most, i) => Number.isInteger(most) && Number(most) > Number(given[i - 1] ?? 0));
  const expected = 'three whole numbers from 1, ascending, such as [1, 10, 100]';
  requireArgument('AveragePrecision', 'maxDetections', limits, fits, expected);
}
