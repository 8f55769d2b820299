/** How exactly the columns are undone, measured. */
import * as tf from '@tensorflow/tfjs-core';

import { readTensor } from '../engine/lost_backend';
import { readAtOnce } from '../engine/lost_backend';
import { drawSeed } from '../engine/random';
import { free } from '../engine/tensors';
import { undoingWrites } from '../engine/writes';
import { clampAlphas, namedAlphas } from './alpha';
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
 * @returns relative errors `[columns - 1, levels]`, which `readReconstruction` reads
 */
export function measureReconstruction(
  columns: readonly Column[],
  stem: tf.Tensor,
  { training, mask }: Pick<LevelContext, 'training' | 'mask'>,
): tf.Tensor {
  return tf.tidy(() => {
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

/**
 * Reads what `measureReconstruction` gave, at once, and frees it: one entry per column but the last,
 * from the deepest recovery (column 0) up.
 *
 * @throws {Error} on a backend that only answers asynchronously, such as webgpu
 */
export function readReconstruction(errors: tf.Tensor, columns: number): Reconstruction[] {
  try {
    return toReconstruction(readAtOnce(errors), columns);
  } catch (cause) {
    throw new Error(
      `RevColBackbone: the reconstruction error is read from the device at once, which backend ` +
        `'${tf.getBackend()}' cannot do; await reconstructionErrorAsync instead`,
      { cause },
    );
  } finally {
    errors.dispose();
  }
}

/** The same without waiting for the device. */
export async function readReconstructionAsync(
  errors: tf.Tensor,
  columns: number,
): Promise<Reconstruction[]> {
  try {
    return toReconstruction(await readTensor(errors), columns);
  } finally {
    errors.dispose();
  }
}

function toReconstruction(errors: ArrayLike<number>, columns: number): Reconstruction[] {
  const levels = errors.length / (columns - 1);
  return Array.from({ length: columns - 1 }, (_, column) => ({
    column,
    levels: Array.from({ length: levels }, (_, l) => errors[column * levels + l] as number),
  }));
}

function errorsOf(
  columns: readonly Column[],
  stem: tf.Tensor,
  exact: readonly tf.Tensor[][],
  context: LevelContext,
  run: FunctionRunner,
): tf.Tensor {
  const errors: tf.Tensor[] = [];
  let recovered = (exact[exact.length - 1] as tf.Tensor[]).map((c) => tf.clone(c));
  for (let i = columns.length - 1; i > 0; i--) {
    const previous = columnInverse(columns[i] as Column, i, stem, recovered, context, run);
    free(...recovered);
    recovered = previous;
    const truth = exact[i - 1] as tf.Tensor[];
    errors.unshift(tf.stack(truth.map((t, l) => relativeError(recovered[l] as tf.Tensor, t))));
  }
  return errors.length > 0 ? tf.stack(errors) : tf.zeros([0, recovered.length]);
}

function relativeError(got: tf.Tensor, expected: tf.Tensor): tf.Tensor {
  return tf.tidy(() => tf.div(tf.norm(tf.sub(got, expected)), tf.norm(expected)));
}
