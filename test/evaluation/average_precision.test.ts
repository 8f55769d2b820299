/** COCO's average precision against pycocotools' goldens, and against a slow evaluation of tiny cases. */
import {
  AveragePrecision,
  type AveragePrecisionResult,
  type CocoAnnotation,
  type CocoResult,
  encodeMask,
  evaluateCoco,
  maskIoU,
  parseCoco,
  parseCocoResults,
  type RunLengths,
  type SeededRandom,
  seededRandom,
} from 'tfjs-revcol';
import { describeGoldens, readGoldenJson } from '../support/goldens';
import { runs } from '../support/runs';

interface Golden {
  kind: 'bbox' | 'segm';
  truth: unknown;
  detections: Record<string, unknown>[];
  expected: {
    stats: Record<string, number>;
    AP_per_category: Record<string, number>;
    stats_max_100_300_1000: number[];
  };
}

const closeTo = (got: readonly number[], expected: readonly number[]) => {
  expect(got).toHaveLength(expected.length);
  got.forEach((value, i) => expect(value).toBeCloseTo(expected[i] as number, 12));
};

describeGoldens('average precision of pycocotools', () => {
  test.each(['coco_boxes', 'coco_masks'])('%s', (name) => {
    const { kind, truth, detections, expected } = readGoldenJson(`${name}.json`) as Golden;
    const dataset = parseCoco(JSON.stringify(truth));
    const results = parseCocoResults(JSON.stringify(detections), dataset);
    const options = { kind: kind === 'bbox' ? 'box' : 'mask' } as const;
    const result = evaluateCoco(dataset, results, options);
    const names = [
      'AP',
      'AP50',
      'AP75',
      'APs',
      'APm',
      'APl',
      'AR1',
      'AR10',
      'AR100',
      'ARs',
      'ARm',
      'ARl',
    ];
    closeTo(
      result.stats,
      names.map((one) => expected.stats[one] as number),
    );
    const { AP, AP50, AP75, APs, APm, APl, AR, ARs, ARm, ARl } = result;
    expect([AP, AP50, AP75, APs, APm, APl, ...AR, ARs, ARm, ARl]).toEqual(result.stats);
    closeTo(
      result.categories.map((one) => one.AP),
      result.categories.map((one) => expected.AP_per_category[one.id] as number),
    );
    const more = evaluateCoco(dataset, results, { ...options, maxDetections: [100, 300, 1000] });
    closeTo(more.stats, expected.stats_max_100_300_1000);
    // The order of pictures is of no effect.
    const metric = new AveragePrecision({ ...options, categories: [9, 5, 1] });
    for (const image of [...dataset.images].reverse()) {
      const of = (one: { image_id: number }) => one.image_id === image.id;
      metric.add(image, dataset.annotations.filter(of), results.filter(of));
    }
    closeTo(metric.result().stats, result.stats);
  });
});

/** Width and height of the pictures of small cases. */
const SIDE = 70;

interface Case {
  annotations: CocoAnnotation[];
  results: CocoResult[];
}

/** Few objects, whose scores, areas and overlaps are often equal. */
function smallCase(random: SeededRandom): Case {
  // A side may be 0.
  const side = () => 20 * (random.integer(8) === 0 ? 0 : 1 + random.integer(2));
  const box = () => [5 * random.integer(3), 10 * random.integer(3), side(), side()] as never;
  const any = () => ({ image_id: 1 + random.integer(2), category_id: 1 + random.integer(2) });
  const annotations = Array.from({ length: random.integer(6) }, (_, id): CocoAnnotation => {
    const bbox = box() as [number, number, number, number];
    const area = random.integer(4) === 0 ? 32 ** 2 : bbox[2] * bbox[3];
    return { id, ...any(), bbox, area, iscrowd: random.integer(5) === 0 ? 1 : 0 };
  });
  const results = Array.from({ length: random.integer(8) }, () => {
    const same = annotations[random.integer(annotations.length + 1)];
    const { image_id, category_id, bbox } = same ?? { ...any(), bbox: box() as never };
    const moved = bbox.map((value) => value + random.integer(2) * random.integer(4)) as never;
    return { image_id, category_id, bbox: moved, score: random.integer(4) / 4 };
  });
  return { annotations, results };
}

type Box = readonly [number, number, number, number];

function overlap(
  [x, y, w, h]: Box,
  [otherX, otherY, otherW, otherH]: Box,
  isCrowd: boolean,
): number {
  const wide = Math.min(x + w, otherX + otherW) - Math.max(x, otherX);
  const tall = Math.min(y + h, otherY + otherH) - Math.max(y, otherY);
  if (wide <= 0 || tall <= 0) return 0;
  return (wide * tall) / (isCrowd ? w * h : w * h + otherW * otherH - wide * tall);
}

const AREAS = { all: [0, 1e10], s: [0, 1024], m: [1024, 9216], l: [9216, 1e10] } as const;
const bySurest = (a: { score: number }, b: { score: number }) => b.score - a.score;

/** Of one class: whether each object found is right (null: neither), the surest first; and how many there are. */
function judged(
  { annotations, results }: Case,
  category: number,
  [least, most]: readonly [number, number],
  limit: number,
  threshold: number,
) {
  const isOutside = (area: number) => area < least || area > most;
  let total = 0;
  const found: { score: number; isRight: boolean | null }[] = [];
  for (const image of [1, 2]) {
    const of = (one: CocoAnnotation | CocoResult) =>
      one.image_id === image && one.category_id === category;
    const truths = annotations
      .filter(of)
      .map((one) => ({ ...one, counts: !one.iscrowd && !isOutside(one.area), isTaken: false }));
    total += truths.filter(({ counts }) => counts).length;
    for (const { score, bbox } of results.filter(of).sort(bySurest).slice(0, limit)) {
      const [, , w, h] = bbox as Box;
      const best = [true, false]
        .map((counts) => {
          const free = truths
            .filter((one) => one.counts === counts && (!one.isTaken || one.iscrowd === 1))
            .map((one) => ({ one, share: overlap(bbox as Box, one.bbox, one.iscrowd === 1) }))
            .filter(({ share }) => share >= threshold);
          return free.reverse().sort((a, b) => b.share - a.share)[0]?.one;
        })
        .find((one) => one !== undefined);
      if (best) best.isTaken = true;
      const isRight = best ? (best.counts ? true : null) : isOutside(w * h) ? null : false;
      found.push({ score, isRight });
    }
  }
  return { total, judgements: found.sort(bySurest).map(({ isRight }) => isRight) };
}

/** Precisions at the recalls 0, .01, ... 1, and the recall of all, by the definition. */
function figures(cases: Case, category: number, area: keyof typeof AREAS, limit: number) {
  return Array.from({ length: 10 }, (_, t) => {
    const threshold = 0.5 + 0.05 * t;
    const { total, judgements } = judged(cases, category, AREAS[area], limit, threshold);
    if (total === 0) return undefined;
    const counted = judgements.filter((one) => one !== null);
    const points = counted.map((_one, i) => {
      const right = counted.slice(0, i + 1).filter(Boolean).length;
      return { recall: right / total, precision: right / (i + 1) };
    });
    const precision = Array.from({ length: 101 }, (_r, r) =>
      Math.max(0, ...points.filter((p) => p.recall >= r * 0.01).map((p) => p.precision)),
    );
    return { precision, recall: points.at(-1)?.recall ?? 0 };
  }).filter((one) => one !== undefined);
}

const mean = (values: readonly number[]) =>
  values.length === 0 ? -1 : values.reduce((sum, value) => sum + value, 0) / values.length;

function slowly(cases: Case, limits: readonly [number, number, number]): number[] {
  const of = (area: keyof typeof AREAS, limit: number) =>
    [1, 2].map((category) => figures(cases, category, area, limit));
  const AP = (area: keyof typeof AREAS, thresholds = [0, 10]) =>
    mean(
      of(area, limits[2]).flatMap((one) => one.slice(...thresholds).flatMap((c) => c.precision)),
    );
  const AR = (area: keyof typeof AREAS, limit: number) =>
    mean(of(area, limit).flatMap((one) => one.map(({ recall }) => recall)));
  return [
    ...[AP('all'), AP('all', [0, 1]), AP('all', [5, 6]), AP('s'), AP('m'), AP('l')],
    ...limits.map((limit) => AR('all', limit)),
    ...(['s', 'm', 'l'] as const).map((area) => AR(area, limits[2])),
  ];
}

/** The same box as a mask. */
function rectangle([x, y, w, h]: Box): RunLengths {
  const data = Uint8Array.from({ length: SIDE * SIDE }, (_, at) => {
    const [column, row] = [at % SIDE, Math.floor(at / SIDE)];
    return Number(column >= x && column < x + w && row >= y && row < y + h);
  });
  return encodeMask({ width: SIDE, height: SIDE, data });
}

const IMAGES = [1, 2].map((id) => ({ id, width: SIDE, height: SIDE }));
const CATEGORIES = [
  { id: 1, name: 'one' },
  { id: 2, name: 'two' },
];

test('small cases, with ties, crowds and areas on the bounds, as by the definition', () => {
  const random = seededRandom(3);
  const seen = { found: 0, none: 0 };
  for (let i = 0; i < runs(36); i++) {
    const cases = smallCase(random);
    const dataset = { images: IMAGES, annotations: cases.annotations, categories: CATEGORIES };
    const limits = [1, 2, 3] as const;
    const { stats } = evaluateCoco(dataset, cases.results, { maxDetections: limits });
    closeTo(stats, slowly(cases, limits));
    if ((stats[0] as number) > 0) seen.found++;
    if (stats[0] === -1) seen.none++;
    if (i % 6 > 0) continue;
    const masked = <T extends { bbox?: Box }>(one: T) => ({
      ...one,
      segmentation: rectangle(one.bbox as Box),
    });
    const masks = evaluateCoco(
      { ...dataset, annotations: cases.annotations.map(masked) },
      cases.results.map(masked),
      { kind: 'mask', maxDetections: limits },
    );
    closeTo(masks.stats, stats);
  }
  expect(seen.found).toBeGreaterThan(10);
  expect(seen.none).toBeGreaterThan(0);
});

describe('what there is and is not', () => {
  const [image] = IMAGES as [(typeof IMAGES)[0]];
  const bbox = [10, 10, 20, 20] as const;
  const stats = ({ stats: all }: AveragePrecisionResult) => all;

  test('nothing found is 0, nothing to find is -1', () => {
    const metric = new AveragePrecision({ categories: [1, 2] });
    expect(new Set(stats(metric.result()))).toEqual(new Set([-1]));
    metric.add(image, [], [{ category_id: 1, bbox, score: 1 }]);
    expect(new Set(stats(metric.result()))).toEqual(new Set([-1]));
    metric.add({ ...image, id: 0 }, [{ category_id: 1, bbox, iscrowd: 1 }], []);
    expect(metric.result().AP).toBe(-1);
    metric.add({ ...image, id: -5 }, [{ category_id: 1, bbox }], []);
    const { AP, APs, APm, AR, categories } = metric.result();
    expect([AP, APs, APm, ...AR]).toEqual([0, 0, -1, 0, 0, 0]);
    expect(categories.map(({ id, objects, AP: own }) => [id, objects, own])).toEqual([
      [1, 1, 0],
      [2, 0, -1],
    ]);
  });

  test('an annotation of id 0 is found like any other, one pixel too, and no pixel never', () => {
    const metric = new AveragePrecision({ categories: [1] });
    const pixel = [3, 3, 1, 1] as const;
    metric.add(
      image,
      [{ id: 0, category_id: 1, bbox: pixel }],
      [{ category_id: 1, bbox: pixel, score: 0 }],
    );
    expect(metric.result().AP).toBeCloseTo(1, 12);
    const none = [3, 3, 0, 0] as const;
    metric.add(
      { ...image, id: 7 },
      [{ category_id: 1, bbox: none }],
      [{ category_id: 1, bbox: none, score: 0 }],
    );
    expect(metric.result().AR[2]).toBeCloseTo(0.5, 12);
  });

  test('an empty mask is there and cannot be found', () => {
    const empty = encodeMask({ width: SIDE, height: SIDE, data: new Uint8Array(SIDE * SIDE) });
    expect(maskIoU([empty], [empty])).toEqual([[0]]);
    const metric = new AveragePrecision({ categories: [1], kind: 'mask' });
    metric.add(
      image,
      [{ category_id: 1, segmentation: empty }],
      [{ category_id: 1, segmentation: empty, score: 1 }],
    );
    expect(metric.result()).toMatchObject({ AP: 0, APs: 0, APm: -1 });
  });
});

describe('bad input changes nothing', () => {
  const [image] = IMAGES as [(typeof IMAGES)[0]];
  const bbox = [10, 10, 20, 20] as const;
  const truth = { category_id: 1, bbox };
  const found = { category_id: 1, bbox, score: 0.5 };

  test.each<[string, unknown[], RegExp]>([
    ['no image', [undefined, [], []], /the id of image is undefined/],
    ['no size', [{ id: 9 }, [], []], /image 9: \[height, width\] is \[null, null\]/],
    ['no lists', [image, {}, []], /annotations is \{\}; expected a list/],
    ['no object', [image, [null], []], /the category_id of annotations\[0\] is undefined/],
    [
      'an unknown class',
      [image, [], [{ ...found, category_id: 3 }]],
      /results\[0\] is 3; expected one of \[1\]/,
    ],
    [
      'no box',
      [image, [{ category_id: 1 }], []],
      /the bbox of annotation 0 is undefined; expected \[x, y/,
    ],
    ['a negative box', [image, [{ ...truth, bbox: [0, 0, -1, 2] }], []], /not below 0/],
    ['no finite box', [image, [], [{ ...found, bbox: [0, 0, Infinity, 2] }]], /bbox of result 0/],
    ['no score', [image, [], [{ ...found, score: NaN }]], /result 0 has the score NaN/],
    ['no area', [image, [{ ...truth, area: -1 }], []], /annotation 0 has the area -1/],
    ['half a crowd', [image, [{ ...truth, iscrowd: 0.5 }], []], /has iscrowd 0.5; expected 0 or 1/],
  ])('%s', (_, args, message) => {
    const metric = new AveragePrecision({ categories: [1] });
    const add = metric.add.bind(metric) as (...args: unknown[]) => void;
    // What comes before the fault is not taken in either.
    const [first, truths, results] = args;
    const more = Array.isArray(truths) ? [truth, ...(truths as unknown[])].reverse() : truths;
    expect(() => add(first, truths, results)).toThrow(message);
    if (Array.isArray(truths) && truths.length > 0)
      expect(() => add(first, more, results)).toThrow();
    expect(metric.result().categories[0]?.objects).toBe(0);
    metric.add(image, [truth], [found]);
    expect(metric.result().AP).toBeCloseTo(1, 12);
    expect(() => metric.add(image, [truth], [])).toThrow(/image 1 was added before/);
  });

  test('masks of another size, or none', () => {
    const metric = new AveragePrecision({ categories: [1], kind: 'mask' });
    const add = (segmentation: unknown) => () =>
      metric.add(image, [{ category_id: 1, segmentation: segmentation as RunLengths }], []);
    expect(add(undefined)).toThrow(
      /image 1: the segmentation of annotation 0 is undefined; expected run/,
    );
    expect(add([])).toThrow(/is \[\]; expected polygons/);
    expect(add({ size: [2, 2], counts: '4' })).toThrow(/is of 2 x 2 pixels; expected 70 x 70/);
  });

  test('options', () => {
    const make = (options: unknown) => () => new AveragePrecision(options as { categories: [] });
    expect(make({})).toThrow(/categories is undefined; expected a list/);
    expect(make({ categories: [1, 1] })).toThrow(
      /categories have 1; expected whole numbers, each once/,
    );
    expect(make({ categories: [1.5] })).toThrow(/categories have 1.5/);
    expect(make({ categories: [1], kind: 'bbox' })).toThrow(/expected one of 'box', 'mask'/);
    expect(make({ categories: [1], maxDetections: [1, 1, 2] })).toThrow(/ascending/);
    expect(make({ categories: [1], iouType: 'bbox' })).toThrow(/there is no option 'iouType'/);
  });

  test('results of a picture that there is not', () => {
    const dataset = { images: IMAGES, annotations: [], categories: CATEGORIES };
    const results = [{ image_id: 5, category_id: 1, bbox, score: 1 }];
    expect(() => evaluateCoco(dataset, results)).toThrow(/a result is of image 5/);
    expect(() => parseCocoResults(results, dataset)).toThrow(/entry 0 is of image 5/);
  });
});
