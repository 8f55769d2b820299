/** Bringing tensors of a checkpoint into the weights that they fit. */
import * as tf from '@tensorflow/tfjs-core';

import { messageOf } from '../common/messages';
import { takeUp } from '../ops/engine/take_up';
import type { Checkpoint } from './checkpoint';
import { CheckpointError } from './errors';
import { type MappedWeight, shapeOf } from './names/model_weights';

/** A weight, and the name of its tensor in the file. */
export interface Target {
  readonly weight: MappedWeight;
  readonly inFile: string;
}

/** Reads targets one by one, and hands each value over to `take`. */
async function readEach(
  checkpoint: Checkpoint,
  targets: readonly Target[],
  onProgress: (fraction: number) => void = () => undefined,
  take: (value: tf.Tensor, target: Target) => void,
): Promise<void> {
  const sizeOf = (target: Target): number => checkpoint.entries.get(target.inFile)?.bytes ?? 0;
  const total = targets.reduce((sum, target) => sum + sizeOf(target), 0);
  let done = 0;
  for (const target of targets) {
    const { layout, publishedShape, variable } = target.weight;
    const data = layout.toOwn(await checkpoint.read(target.inFile), publishedShape);
    const value = tf.tidy(() => {
      const made = tf.tensor(data, shapeOf(variable), 'float32');
      takeUp(made);
      return made;
    });
    take(value, target);
    done += sizeOf(target);
    onProgress(done / total);
  }
}

/** Sets each weight as soon as it is read. On failure those before it are set. */
export async function readAndWrite(
  checkpoint: Checkpoint,
  targets: readonly Target[],
  onProgress?: (fraction: number) => void,
): Promise<void> {
  await readEach(checkpoint, targets, onProgress, (value, { weight }) => {
    try {
      writeAll([weight], [value]);
    } finally {
      value.dispose();
    }
  });
}

/** Reads all, then sets all weights, or none. */
export async function readThenWrite(
  checkpoint: Checkpoint,
  targets: readonly Target[],
  onProgress?: (fraction: number) => void,
): Promise<void> {
  const staged: tf.Tensor[] = [];
  try {
    await readEach(checkpoint, targets, onProgress, (value) => staged.push(value));
    writeAll(
      targets.map(({ weight }) => weight),
      staged,
    );
  } finally {
    tf.dispose(staged);
  }
}

/** Sets all variables, or none: on failure those already set get their old values back. */
function writeAll(weights: readonly MappedWeight[], values: readonly tf.Tensor[]): void {
  // Clones share the old values' memory, which stays until the end.
  const before: tf.Tensor[] = [];
  try {
    for (const { variable } of weights) before.push(tf.clone(variable.read()));
    weights.forEach(({ variable }, i) => {
      // A constraint on the weight leaves tensors behind.
      tf.tidy(() => {
        variable.write(values[i] as tf.Tensor);
      });
    });
  } catch (error) {
    before.forEach((old, i) => restore(weights[i] as MappedWeight, old));
    throw new CheckpointError('mismatch', `The model cannot be written: ${messageOf(error)}`, {
      cause: error,
    });
  } finally {
    tf.dispose(before);
  }
}

function restore({ variable }: MappedWeight, old: tf.Tensor): void {
  try {
    (variable.read() as tf.Variable).assign(old);
  } catch {
    // A weight that was disposed of meanwhile: the failure being reported.
  }
}
