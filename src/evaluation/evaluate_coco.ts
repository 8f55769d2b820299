/** Results of a detector on annotated pictures, as a whole. */
import { type CocoAnnotation, type CocoDataset } from '../coco/dataset';
import type { CocoResult } from '../coco/results';
import { requireArgument, shown } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import { AveragePrecision, type AveragePrecisionOptions } from './average_precision';
import type { AveragePrecisionResult } from './precision_summary';

/** Options of `evaluateCoco`. */
export type EvaluateCocoOptions = Omit<AveragePrecisionOptions, 'categories'>;

const OPTIONS: OptionNames<EvaluateCocoOptions> = { kind: true, maxDetections: true };

/**
 * Average precision of a detector's results. Pictures without results count, too: what is there was not
 * found.
 *
 * @param dataset what `parseCoco` gives
 * @param results what `parseCocoResults` gives; there may be none
 * @throws {Error} when an option is unknown or out of range; or, as `AveragePrecision.add`, which names the picture,
 *   when a box or mask is missing or damaged
 *
 * @example
 * const dataset = parseCoco(annotationsText);
 * const { AP, AP50 } = evaluateCoco(dataset, parseCocoResults(resultsText, dataset), { kind: 'mask' });
 */
export function evaluateCoco(
  dataset: CocoDataset,
  results: readonly CocoResult[],
  options: EvaluateCocoOptions = {},
): AveragePrecisionResult {
  requireOptions('evaluateCoco', options, OPTIONS);
  const { images, annotations, categories } = (dataset ?? {}) as CocoDataset;
  const isDataset = [images, annotations, categories].every(Array.isArray);
  requireArgument('evaluateCoco', 'dataset', dataset, isDataset, 'what parseCoco gives');
  requireArgument('evaluateCoco', 'results', results, Array.isArray(results), 'a list of results');
  const metric = new AveragePrecision({ ...options, categories: categories.map(({ id }) => id) });
  const there = byImage(annotations);
  const found = byImage(results);
  const ids = new Set(images.map(({ id }) => id));
  const unknown = [...found.keys()].find((id) => !ids.has(id));
  if (unknown !== undefined) {
    throw new Error(
      `evaluateCoco: a result is of image ${shown(unknown)}, which the dataset does not have`,
    );
  }
  for (const image of images) {
    metric.add(image, there.get(image.id) ?? [], found.get(image.id) ?? []);
  }
  return metric.result();
}

function byImage<T extends Pick<CocoAnnotation, 'image_id'>>(
  entries: readonly T[],
): Map<number, T[]> {
  const all = new Map<number, T[]>();
  for (const entry of entries) {
    const list = all.get(entry.image_id);
    if (list) list.push(entry);
    else all.set(entry.image_id, [entry]);
  }
  return all;
}
