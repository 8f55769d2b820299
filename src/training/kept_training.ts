/** Copies on the CPU of what training changes, and putting them back after the loss of a device. */
import * as tf from '@tensorflow/tfjs-core';

import { nextTensorId } from '../ops/engine/engine';
import { readTensor, requireBackend } from '../ops/engine/lost_backend';

/** A tensor's values on the CPU. */
interface Copy {
  shape: number[];
  dtype: tf.DataType;
  values: tf.TypedArray;
}

/** Values on the CPU. */
export interface Kept {
  nextStep: number;
  /** Of the variables, in their order. */
  variables: Copy[];
  /** What the optimizer saves. */
  state: { name: string; copy: Copy }[];
  /** What it does not save, by the names of its properties. */
  own: { name: string; copy: Copy }[];
  /** The optimizer's, if it is a number: steps may set it. */
  learningRate?: number;
}

type NamedTensor = Awaited<ReturnType<tf.Optimizer['getWeights']>>[number];

/** What tfjs's optimizers hold. */
type Properties = Record<string, unknown>;

/**
 * Copies everything.
 *
 * @throws {BackendLostError} when the device is lost, before or meanwhile
 */
export async function keepTraining(
  nextStep: number,
  variables: readonly tf.Variable[],
  optimizer: tf.Optimizer,
): Promise<Kept> {
  requireBackend();
  const { learningRate } = optimizer as unknown as Properties;
  return withSaved(optimizer, async (saved) => ({
    nextStep,
    variables: await Promise.all(variables.map(copyOf)),
    state: await namedCopies(saved),
    own: await namedCopies(ownTensors(optimizer)),
    ...(typeof learningRate === 'number' ? { learningRate } : {}),
  }));
}

/** Puts everything back, on the backend that is in use now. */
export async function restoreTraining(
  kept: Kept,
  variables: readonly tf.Variable[],
  optimizer: tf.Optimizer,
): Promise<void> {
  variables.forEach((variable, i) => assign(variable, kept.variables[i] as Copy));
  const state = kept.state.map(({ name, copy }) => ({ name, tensor: tensorOf(copy) }));
  const former = await withSaved(optimizer, async (saved) => {
    try {
      await optimizer.setWeights(state);
    } finally {
      tf.dispose(state.map(({ tensor }) => tensor));
    }
    return saved.map(({ tensor }) => tensor);
  });
  // tfjs's optimizers leave their former moments behind.
  tf.dispose(former);
  // After setWeights, which computes some of them from the lost ones.
  const properties = optimizer as unknown as Properties;
  for (const { name, copy } of kept.own) {
    const tensor = properties[name];
    if (tensor instanceof tf.Variable && !tensor.isDisposed) {
      assign(tensor, copy);
    } else {
      (tensor as tf.Tensor | undefined)?.dispose();
      properties[name] = tf.keep(tensorOf(copy));
    }
  }
  if (kept.learningRate !== undefined) properties['learningRate'] = kept.learningRate;
}

/**
 * What `getWeights` gives, for a while: tfjs's optimizers make the count of steps anew each time, and
 * leave it to the caller. What is a variable, or was there before, is the optimizer's own.
 */
async function withSaved<T>(
  optimizer: tf.Optimizer,
  use: (saved: NamedTensor[]) => Promise<T>,
): Promise<T> {
  const firstMade = nextTensorId();
  const saved = await optimizer.getWeights();
  try {
    return await use(saved);
  } finally {
    const isMade = (t: tf.Tensor) => t.id > firstMade && !(t instanceof tf.Variable);
    tf.dispose(saved.map(({ tensor }) => tensor).filter(isMade));
  }
}

/**
 * The tensors that an optimizer has as properties: constants such as the step size of `tf.train.sgd`,
 * and powers such as those of `tf.train.adam`, neither of which `getWeights` gives.
 */
function ownTensors(optimizer: tf.Optimizer): NamedTensor[] {
  return Object.entries(optimizer as unknown as Properties).flatMap(([name, tensor]) =>
    tensor instanceof tf.Tensor && !tensor.isDisposed ? [{ name, tensor }] : [],
  );
}

function namedCopies(tensors: readonly NamedTensor[]): Promise<Kept['state']> {
  return Promise.all(
    tensors.map(async ({ name, tensor }) => ({ name, copy: await copyOf(tensor) })),
  );
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
