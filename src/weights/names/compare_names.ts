/** Which tensors of a file fit which weights of a model. */

import type { CheckpointEntry } from '../checkpoint';
import type { MappedWeight } from './model_weights';
import {
  isAuxiliaryHead,
  isClassifier,
  isDecoder,
  isDenseLogits,
  isDetectorPart,
  isSegmentationHead,
} from './published_names';

/** A tensor whose shape is not that of its weight; both in PyTorch's layout. */
export interface Misshapen {
  readonly name: string;
  readonly file: readonly number[];
  readonly model: readonly number[];
}

/** All names of both sides, each in exactly one list; published names without prefix. */
export interface NameComparison {
  /** On both sides with one shape, in the file's order. */
  readonly fitting: string[];
  readonly misshapen: Misshapen[];
  readonly missing: string[];
  readonly unexpected: string[];
  /** Of heads left out because they do not fit. */
  readonly dropped: string[];
}

/**
 * Compares names and shapes.
 *
 * @param inFile published name to name in the file.
 * @param dropHeads whether classifiers are left out when not all of them fit; image decoders, and the
 * logits of segmenters and detectors, likewise; and a whole segmentation head, or all of a detector beside its
 * backbone, where one side has none.
 */
export function compareNames(
  weights: ReadonlyMap<string, MappedWeight>,
  inFile: ReadonlyMap<string, string>,
  entries: ReadonlyMap<string, CheckpointEntry>,
  dropHeads: boolean,
): NameComparison {
  const shapeInFile = (name: string) => entries.get(inFile.get(name) ?? '')?.shape;
  const fits = (name: string): boolean => {
    const [file, model] = [shapeInFile(name), weights.get(name)?.publishedShape];
    return file !== undefined && model !== undefined && sameShape(file, model);
  };
  const all = [...new Set([...inFile.keys(), ...weights.keys()])];
  const groups = dropHeads ? [isClassifier, isDecoder, isDenseLogits] : [];
  const heads = dropHeads ? [isAuxiliaryHead, isSegmentationHead, isDetectorPart] : [];
  const isOnBothSides = (group: (name: string) => boolean) =>
    [inFile, weights].every((side) => [...side.keys()].some(group));
  const unfit = [
    ...groups.filter((group) => all.some((name) => group(name) && !fits(name))),
    ...heads.filter((group) => !isOnBothSides(group)),
  ];

  const result: NameComparison = {
    fitting: [],
    misshapen: [],
    missing: [],
    unexpected: [],
    dropped: [],
  };
  for (const name of all) {
    const [file, model] = [shapeInFile(name), weights.get(name)?.publishedShape];
    if (unfit.some((group) => group(name))) result.dropped.push(name);
    else if (!model) result.unexpected.push(name);
    else if (!file) result.missing.push(name);
    else if (fits(name)) result.fitting.push(name);
    else result.misshapen.push({ name, file, model });
  }
  return result;
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, d) => size === b[d]);
}
