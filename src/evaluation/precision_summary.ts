/** The figures of COCO's evaluation. */
import { AREAS, type Matches } from './match_objects';
import { type PrecisionRecall, precisionRecall } from './precision_recall';

/** How one class is found; figures are -1 where there is no object of it. */
export interface CategoryPrecision {
  readonly id: number;
  /** Objects to find: crowds are none. */
  readonly objects: number;
  /** Mean over overlaps from .5 to .95. */
  readonly AP: number;
  /** From an overlap of .5 on. */
  readonly AP50: number;
  /** From an overlap of .75 on. */
  readonly AP75: number;
  /** Share of the objects that are found, mean over overlaps. */
  readonly AR: number;
}

/** At most how many objects of a class count in a picture: three limits, ascending. */
export type DetectionLimits = readonly [number, number, number];

/**
 * What `AveragePrecision` gives: numbers from 0 to 1; -1 where there is no object to find, as in pycocotools.
 * Means are over the classes with objects. All but `AR` are at the highest of the limits.
 */
export interface AveragePrecisionResult {
  /** Mean over overlaps from .5 to .95 in steps of .05; at the limit of 100 where there is one. */
  readonly AP: number;
  /** From an overlap of .5 on. */
  readonly AP50: number;
  /** From an overlap of .75 on. */
  readonly AP75: number;
  /** Of objects up to 32 x 32 pixels. */
  readonly APs: number;
  /** Of objects from 32 x 32 to 96 x 96 pixels. */
  readonly APm: number;
  /** Of objects from 96 x 96 pixels on. */
  readonly APl: number;
  /** Share of the objects that are found, mean over overlaps, at each of `maxDetections`. */
  readonly AR: readonly [number, number, number];
  /** Of small objects. */
  readonly ARs: number;
  /** Of medium ones. */
  readonly ARm: number;
  /** Of large ones. */
  readonly ARl: number;
  readonly maxDetections: DetectionLimits;
  /** All twelve in pycocotools' order: AP, AP50, AP75, APs, APm, APl, AR (three), ARs, ARm, ARl. */
  readonly stats: readonly number[];
  readonly categories: readonly CategoryPrecision[];
}

/** What was matched of a class, picture by picture. */
export interface MatchedCategory {
  readonly id: number;
  readonly pictures: readonly Matches[];
}

/** Places of .5 and .75 among the thresholds. */
const [AT_50, AT_75] = [0, 5];

/** All figures. */
export function summarize(
  categories: readonly MatchedCategory[],
  limits: DetectionLimits,
): AveragePrecisionResult {
  const most = limits[2];
  const main = limits.includes(100) ? 100 : most;
  const curves = categories.map(({ pictures }) => {
    const at = (area: number, limit: number) => precisionRecall(pictures, area, limit);
    const all = limits.map((limit) => at(0, limit));
    return {
      main: all[limits.indexOf(main)],
      limits: all,
      areas: AREAS.map((_, area) => (area === 0 ? all[2] : at(area, most))),
    };
  });
  type Curves = (typeof curves)[number];
  const mean = (
    curve: (of: Curves) => PrecisionRecall | undefined,
    values: (of: PrecisionRecall) => readonly number[],
  ) => meanOf(curves.flatMap((one) => valuesOf(curve(one), values)));
  const area = (i: number) => (one: Curves) => one.areas[i];
  const limit = (i: number) => (one: Curves) => one.limits[i];
  const AP = mean(({ main: curve }) => curve, precisions);
  const AP50 = mean(area(0), precisionsAt(AT_50));
  const AP75 = mean(area(0), precisionsAt(AT_75));
  const [APs, APm, APl] = [1, 2, 3].map((i) => mean(area(i), precisions)) as Three;
  const AR = [0, 1, 2].map((i) => mean(limit(i), recalls)) as Three;
  const [ARs, ARm, ARl] = [1, 2, 3].map((i) => mean(area(i), recalls)) as Three;
  return {
    ...{ AP, AP50, AP75, APs, APm, APl, AR, ARs, ARm, ARl },
    maxDetections: limits,
    stats: [AP, AP50, AP75, APs, APm, APl, ...AR, ARs, ARm, ARl],
    categories: categories.map(({ id, pictures }, i) => {
      const { main: curve } = curves[i] as Curves;
      return {
        id,
        objects: pictures.reduce((sum, { truths }) => sum + (truths[0] as number), 0),
        AP: meanOf(valuesOf(curve, precisions)),
        AP50: meanOf(valuesOf(curve, precisionsAt(AT_50))),
        AP75: meanOf(valuesOf(curve, precisionsAt(AT_75))),
        AR: meanOf(valuesOf(curve, recalls)),
      };
    }),
  };
}

type Three = [number, number, number];

const recalls = ({ recall }: PrecisionRecall) => recall;
const precisions = ({ precision }: PrecisionRecall) => precision.flat();
const precisionsAt = (threshold: number) => (curve: PrecisionRecall) =>
  curve.precision[threshold] as readonly number[];

function valuesOf(
  curve: PrecisionRecall | undefined,
  values: (of: PrecisionRecall) => readonly number[],
): readonly number[] {
  return curve ? values(curve) : [];
}

function meanOf(values: readonly number[]): number {
  return values.length === 0 ? -1 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
