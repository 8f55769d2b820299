/** Shapes of the levels of a column, pyramid or isotropic. */
import type * as tfl from '@tensorflow/tfjs-layers';

import { show } from '../../common/arguments';
import type { FusionPaths } from './fusion_paths';

/** What decides the shapes of a column's levels. */
export interface LevelLayout {
  channels: readonly number[];
  /** Levels of equal size instead of a pyramid that halves. */
  isotropic: boolean;
  /** What fusions do between the levels. */
  paths: FusionPaths;
}

/**
 * Shapes of all levels, bottom first, given that of the stem's output.
 *
 * @param advice what to say where a level of a pyramid would have no pixel
 * @throws {Error} then, when a sequence is empty, when the stem's channels are not level 0's, or when
 *   levels of a pyramid are to be read through a LayerNorm alone
 */
export function levelShapes(
  owner: string,
  stemShape: tfl.Shape,
  { channels, isotropic, paths }: LevelLayout,
  advice: () => string,
): tfl.Shape[] {
  const stemChannels = stemShape[stemShape.length - 1];
  if (stemShape.length < 2 || stemChannels !== channels[0]) {
    throw new Error(
      `${owner}: level 0 takes ${show(stemShape)} and channels[0] is ${channels[0]}; expected ` +
        `[batch, ..., ${channels[0]}]`,
    );
  }
  // Images may be too small for what the stem or the levels make of them, which the advice is about.
  if (stemShape.length !== 4 && stemShape.slice(1, -1).includes(0)) {
    throw new Error(
      `${owner}: level 0 takes ${show(stemShape)}, which holds nothing; expected at least one ` +
        (stemShape.length === 3 ? 'token in each text' : 'place along every axis'),
    );
  }
  if (paths === 'norm' && !isotropic) {
    throw new Error(
      `${owner}: fusion is 'norm', a LayerNorm alone, but level 1 is half as high and wide as level 0, ` +
        `${show(stemShape)}, which takes a convolution; give isotropic: true, or leave fusion out`,
    );
  }
  return channels.map((c, l) => {
    const inner = stemShape
      .slice(1, -1)
      .map((d) => (d == null || isotropic ? d : Math.floor(d / 2 ** l)));
    if (inner.some((d) => d === 0)) throw new Error(`${owner}: ${advice()}`);
    return [stemShape[0] as number | null, ...inner, c];
  });
}

/**
 * Shape that a level has, given that of its fusion's lower operand.
 *
 * @param isotropic undefined: unless the operand is an image
 */
export function shapeAbove(
  lower: readonly number[],
  level: number,
  channels: number,
  isotropic: boolean | undefined,
): number[] {
  if (level === 0) return [...lower];
  const shrinks = !(isotropic ?? lower.length !== 4);
  const inner = lower.slice(1, -1).map((d) => (shrinks ? Math.floor(d / 2) : d));
  return [lower[0] as number, ...inner, channels];
}

/** Whether two shapes agree where both are known. */
export function sameShape(a: tfl.Shape, b: tfl.Shape): boolean {
  return a.length === b.length && a.every((d, i) => d == null || b[i] == null || d === b[i]);
}

/**
 * Asserts the shapes of the previous column's levels.
 *
 * @throws {Error} when one is not that of this column's level
 */
export function requirePrevious(
  owner: string,
  previous: readonly tfl.Shape[],
  expected: readonly tfl.Shape[],
): void {
  previous.forEach((shape, l) => {
    if (sameShape(shape, expected[l] as tfl.Shape)) return;
    throw new Error(
      `${owner}: level ${l} of the previous column is ${show(shape)}; expected ${show(expected[l])}`,
    );
  });
}
