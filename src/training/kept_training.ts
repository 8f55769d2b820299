/** Copies on the CPU of what training changes, and putting them back after the loss of a device. */
import * as tf from '@tensorflow/tfjs-core';

import { readTensor, requireBackend } from '../ops/engine/lost_backend';
import { learningRateOf, ownTensors, restoreSaved, withSaved } from './optimizer_tensors';
import type { NamedTensor } from './saved_states';
import type { SavesWeights } from './saved_training';

/** A tensor's values on the CPU. */
interface Copy {
  shape: number[];
  dtype: tf.DataType;
  values: tf.TypedArray;
}

type NamedCopy = { name: string; copy: Copy };

/** What training changes. */
export interface ChangingParts {
  variables: readonly tf.Variable[];
  optimizer: tf.Optimizer;
  ema?: SavesWeights;
}

/** Values on the CPU. */
export interface Kept {
  nextStep: number;
  /** Of the variables, in their order. */
  variables: Copy[];
  /** What the optimizer saves. */
  state: NamedCopy[];
  /** What it does not save, by the names of its properties. */
  own: NamedCopy[];
  /** The optimizer's, if it is a number: steps may set it. */
  learningRate?: number;
  /** What averages of weights save. */
  ema?: NamedCopy[];
}

/**
 * Copies everything.
 *
 * @throws {BackendLostError} when the device is lost, before or meanwhile
 */
export async function keepTraining(
  nextStep: number,
  { variables, optimizer, ema }: ChangingParts,
): Promise<Kept> {
  requireBackend();
  const learningRate = learningRateOf(optimizer);
  return withSaved(optimizer, async (saved) => ({
    nextStep,
    variables: await Promise.all(variables.map(copyOf)),
    state: await namedCopies(saved),
    own: await namedCopies(ownTensors(optimizer)),
    ...(learningRate === undefined ? {} : { learningRate }),
    ...(ema ? { ema: await withSaved(ema, namedCopies) } : {}),
  }));
}

/** Puts everything back, on the backend that is in use now. */
export async function restoreTraining(
  kept: Kept,
  { variables, optimizer, ema }: ChangingParts,
): Promise<void> {
  variables.forEach((variable, i) => assign(variable, kept.variables[i] as Copy));
  const { learningRate } = kept;
  const [state, own] = [tensorsOf(kept.state), tensorsOf(kept.own)];
  await restoreSaved(optimizer, { state, own, learningRate });
  if (!ema || !kept.ema) return;
  const averages = tensorsOf(kept.ema);
  try {
    await ema.setWeights(averages);
  } finally {
    tf.dispose(averages.map(({ tensor }) => tensor));
  }
}

function namedCopies(tensors: readonly NamedTensor[]): Promise<NamedCopy[]> {
  return Promise.all(
    tensors.map(async ({ name, tensor }) => ({ name, copy: await copyOf(tensor) })),
  );
}

function tensorsOf(copies: readonly NamedCopy[]): NamedTensor[] {
  return copies.map(({ name, copy }) => ({ name, tensor: tensorOf(copy) }));
}

async function copyOf(tensor: tf.Tensor): Promise<Copy> {
  const values = (await readTensor(tensor)).slice() as tf.TypedArray;
  return { shape: tensor.shape, dtype: tensor.dtype, values };
}

function tensorOf({ values, shape, dtype }: Copy): tf.Tensor {
  return tf.tensor(values, shape, dtype);
}

function assign(variable: tf.Variable, copy: Copy): void {
  tf.tidy(() => variable.assign(tensorOf(copy)));
}
