/** The first run of a user's layers, in which they may build others. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { disposingTapeOnError, isTapeOn, withFreshTape } from '../../ops/engine/engine';
import { withoutNotes } from '../../ops/engine/reads';
import { undoingWrites } from '../../ops/engine/writes';
import type { RunOptions } from '../../ops/reversible/backbone';
import { runsByAutodiff } from '../base/level_function_of';

type Layer = tfl.layers.Layer;

const haveRun = new WeakSet<Layer>();

/**
 * Runs layers once ahead of a training step if they never ran before. A layer that builds its parts
 * in its first call gets them then: the tape node must know all weights before it runs, and the
 * numbers that initializers draw must not be among those that recomputation repeats.
 *
 * @param run runs the layers; what it assigns to variables (moving statistics) is undone
 * @returns whether it ran
 */
export function runFirst(
  layers: readonly Layer[],
  { backprop }: Pick<RunOptions, 'backprop'>,
  run: () => void,
): boolean {
  const fresh = layers.filter((layer) => runsByAutodiff(layer) && !haveRun.has(layer));
  if (fresh.length === 0) return false;
  for (const layer of fresh) haveRun.add(layer);
  // Without a tape there is nothing to be differentiated, with a plain one nothing is run again.
  if (!isTapeOn() || backprop !== 'reversible') return false;
  try {
    disposingTapeOnError(() =>
      withoutNotes(() => undoingWrites(() => withFreshTape(() => tf.tidy(run)))),
    );
  } catch (error) {
    for (const layer of fresh) haveRun.delete(layer);
    throw error;
  }
  return true;
}
