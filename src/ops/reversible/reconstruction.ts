/** How exactly the columns are undone, measured. */
import * as tf from '@tensorflow/tfjs-core';

import { drawSeed } from '../engine/random';
import { free, tidyAll } from '../engine/tensors';
import { undoingWrites } from '../engine/writes';
import { clampAlphas, namedAlphas, readsOnlyLater } from './alpha';
import { type Column, columnForward, columnInverse, listedState } from './column';
import { type LevelContext } from './level_function';
import { type FunctionRunner, recordState, StateReplay } from './state';

/** How well one column's input features were recovered. */
export interface Reconstruction {
  /** Column whose features were recovered, from 0. */
  column: number;
  /** `norm(recovered - exact) / norm(exact)` per level, bottom first. */
  levels: number[];
}

/**
 * Walks back from the last column without any anchor and compares every recovered feature with the
 * exact one. Keeps all features while it runs. Clamps the alphas first, as a run does, and leaves
 * state as it was.
 *
 * @returns one entry per column but the last, from the deepest recovery (column 0) up
 * @throws {Error} on a backend that can only be read asynchronously, such as webgpu
 */
export function measureReconstruction(
  columns: readonly Column[],
  stem: tf.Tensor,
  { training, mask }: Pick<LevelContext, 'training' | 'mask'>,
): Reconstruction[] {
  if (readsOnlyLater()) {
    throw new Error(
      `RevColBackbone: the reconstruction error is read from the device at once, which backend ` +
        `'${tf.getBackend()}' cannot do; use another backend for it`,
    );
  }
  return tidyAll(() => {
    clampAlphas(namedAlphas(columns, false));
    const context: LevelContext = { training, mask, seed: drawSeed() };
    const exact: tf.Tensor[][] = [];
    const { log, values } = undoingWrites(() =>
      recordState(listedState(columns), (run) => {
        columns.forEach((column, i) => {
          exact.push(columnForward(column, i, stem, exact[i - 1] ?? null, context, run));
        });
      }),
    );
    const state = new StateReplay(log, values);
    try {
      return state.during(() => errorsOf(columns, stem, exact, context, state.run));
    } finally {
      free(...values);
    }
  });
}

function errorsOf(
  columns: readonly Column[],
  stem: tf.Tensor,
  exact: readonly tf.Tensor[][],
  context: LevelContext,
  run: FunctionRunner,
): Reconstruction[] {
  const errors: Reconstruction[] = [];
  let recovered = (exact[exact.length - 1] as tf.Tensor[]).map((c) => tf.clone(c));
  for (let i = columns.length - 1; i > 0; i--) {
    const previous = columnInverse(columns[i] as Column, i, stem, recovered, context, run);
    free(...recovered);
    recovered = previous;
    const truth = exact[i - 1] as tf.Tensor[];
    errors.unshift({
      column: i - 1,
      levels: truth.map((t, l) => relativeError(recovered[l] as tf.Tensor, t)),
    });
  }
  return errors;
}

function relativeError(got: tf.Tensor, expected: tf.Tensor): number {
  return tf.tidy(() => {
    const [difference, size] = [tf.sub(got, expected), expected].map(
      (x) => tf.norm(x).dataSync()[0] as number,
    ) as [number, number];
    return difference / size;
  });
}
