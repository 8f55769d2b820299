/** What is known of each output of a backbone before anything runs: where it comes from, how wide and how coarse. */
import type * as tfl from '@tensorflow/tfjs-layers';

import type { OutputPlace } from './backbone_output';
import type { ResolvedOptions } from './column_options';

type Layer = tfl.layers.Layer;

/** One output of a backbone, as an entry of timm's `feature_info`. */
export interface FeatureInfo {
  /** The column that it leaves, counted from 0. */
  column: number;
  /** The level that it is, counted from 0 at the bottom. */
  level: number;
  /** Its last axis. */
  channels: number;
  /** Pixels (or tokens) of the input along a side of one of its own: its stride. */
  reduction: number;
}

/** A side that most strides divide without a rest. */
const PROBE = 5040;

/**
 * What each output of a backbone is, in their order.
 *
 * @param inputShape any shape that the stem takes; the sides do not matter
 */
export function featuresOf(
  places: readonly OutputPlace[],
  { channels, isotropic }: Pick<ResolvedOptions, 'channels' | 'isotropic'>,
  stem: Layer,
  inputShape: tfl.Shape,
): FeatureInfo[] {
  const base = stemReduction(stem, inputShape);
  const stemRank = (stem.computeOutputShape(inputShape) as tfl.Shape).length;
  const isPyramid = !(isotropic ?? stemRank !== 4);
  return places.map(({ column, level }) => ({
    column,
    level,
    channels: channels[level] as number,
    reduction: base * (isPyramid ? 2 ** level : 1),
  }));
}

/**
 * By what a stem reduces each side of an input, told from the shapes that it gives.
 */
function stemReduction(stem: Layer, inputShape: tfl.Shape): number {
  const probe = (shape: tfl.Shape, end: number) =>
    shape.map((side, i) => (i > 0 && i < end ? PROBE : side));
  // Ids have no axis of channels.
  const outputRank = (stem.computeOutputShape(inputShape) as tfl.Shape).length;
  const end = outputRank > inputShape.length ? inputShape.length : inputShape.length - 1;
  const sides = end - 1;
  if (sides < 1) return 1;
  const output = stem.computeOutputShape(probe(inputShape, end)) as tfl.Shape;
  const places = output.slice(1, -1).reduce<number>((product, side) => product * (side ?? NaN), 1);
  const reduction = (PROBE ** sides / places) ** (1 / sides);
  const whole = Math.round(reduction);
  return Math.abs(reduction - whole) < 0.03 * whole ? whole : reduction;
}
