/** Items of any class: how well they are found, whatever they are taken for. */
import type { CocoDataset, CocoResult } from 'tfjs-revcol';

/** `[x, y, width, height]` in pixels. */
type Box = readonly [x: number, y: number, width: number, height: number];

/** Of results that overlap by more the surest stays. */
const OVERLAP = 0.5;

const ITEM = { id: 1, name: 'item' };

/** Annotations with one class in place of all. */
export function ofAnyClass(dataset: CocoDataset): CocoDataset {
  const annotations = dataset.annotations.map((one) => ({ ...one, category_id: ITEM.id }));
  return { ...dataset, annotations, categories: [ITEM] };
}

/** Results with one class in place of all; of those of several classes in one place the surest. */
export function foundOfAnyClass(results: readonly CocoResult[]): CocoResult[] {
  const byImage = new Map<number, CocoResult[]>();
  for (const one of results) byImage.set(one.image_id, [...(byImage.get(one.image_id) ?? []), one]);
  return [...byImage.values()].flatMap((own) =>
    surestApart(own, ({ bbox }) => bbox as Box).map((one) => ({ ...one, category_id: ITEM.id })),
  );
}

/** Of objects in a picture the surest, without those that overlap a surer one. */
export function surestApart<T extends { readonly score: number }>(
  found: readonly T[],
  boxOf: (one: T) => Box,
): T[] {
  const kept: T[] = [];
  for (const one of [...found].sort((a, b) => b.score - a.score)) {
    if (kept.every((other) => overlapOf(boxOf(one), boxOf(other)) <= OVERLAP)) kept.push(one);
  }
  return kept;
}

/** Intersection over union. */
function overlapOf([x, y, w, h]: Box, [u, v, s, t]: Box): number {
  const across = Math.max(0, Math.min(x + w, u + s) - Math.max(x, u));
  const down = Math.max(0, Math.min(y + h, v + t) - Math.max(y, v));
  const both = across * down;
  return both / Math.max(w * h + s * t - both, 1e-6);
}
