/** What a classifier gives, as probabilities of classes. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { show } from '../common/arguments';

/** Whether a classifier gives logits or probabilities. */
export type OutputKind = 'logits' | 'probabilities';

/** The output of a model that tells the class. */
export interface ClassOutput {
  /** Its place among the outputs. */
  readonly index: number;
  readonly classes: number;
  readonly kind: OutputKind;
}

/** Least probability whose logarithm is taken, as of tfjs's own losses. */
const LEAST = 1e-7;

/**
 * Finds the output of a model that tells the class: the last of shape `[batch, classes]`, which with
 * intermediate supervision is that of the last column. Its kind is that of the last activation.
 *
 * @param name of the model, for messages
 * @throws {Error} when no output has such a shape
 */
export function classOutput(
  name: string,
  model: tfl.LayersModel,
  kind: OutputKind | 'auto' = 'auto',
): ClassOutput {
  const isOfClasses = ({ shape: [, classes, ...more] }: tfl.SymbolicTensor) =>
    more.length === 0 && classes != null && classes >= 2;
  const index = model.outputs.map(isOfClasses).lastIndexOf(true);
  const output = model.outputs[index];
  if (!output) {
    const shapes = model.outputs.map(({ shape }) => show(shape)).join(', ');
    throw new Error(
      `${name} is no classifier: it gives ${shapes}; expected [null, classes], of 2 classes or more`,
    );
  }
  const classes = output.shape[1] as number;
  if (kind !== 'auto') return { index, classes, kind };
  const activation = lastActivation(output);
  if (activation === 'sigmoid') {
    throw new Error(
      `${name} ends in a sigmoid, whose values are neither logits nor probabilities of classes of which ` +
        "one is right; give outputs: 'probabilities' to have them taken for the latter",
    );
  }
  return { index, classes, kind: activation === 'softmax' ? 'probabilities' : 'logits' };
}

/** Of the last layer; where that is a whole model, of its own last layer. */
function lastActivation({ sourceLayer }: tfl.SymbolicTensor): unknown {
  const last = (sourceLayer as Partial<tfl.LayersModel> | undefined)?.outputs?.at(-1);
  if (last) return lastActivation(last);
  return sourceLayer?.getClassName() === 'Softmax'
    ? 'softmax'
    : sourceLayer?.getConfig().activation;
}

/**
 * The model's outputs for a batch, read without stopping a page.
 *
 * @returns logarithms of probabilities, class by class of each example
 */
export async function predictLogProbabilities(
  model: tfl.LayersModel,
  { index, classes, kind }: ClassOutput,
  x: tf.Tensor,
): Promise<Float64Array> {
  const output = tf.tidy(() => {
    const given = model.predict(x, { batchSize: x.shape[0] });
    return Array.isArray(given) ? (given[index] as tf.Tensor) : given;
  });
  try {
    const values = await output.data();
    return kind === 'logits' ? logSoftmax(values, classes) : logOf(values);
  } finally {
    output.dispose();
  }
}

function logOf(probabilities: ArrayLike<number>): Float64Array {
  return Float64Array.from(probabilities, (p) => (p < LEAST ? Math.log(LEAST) : Math.log(p)));
}

/** In double precision, row by row. */
export function logSoftmax(logits: ArrayLike<number>, classes: number): Float64Array {
  const result = Float64Array.from(logits);
  for (let start = 0; start < result.length; start += classes) {
    const row = result.subarray(start, start + classes);
    const most = row.reduce((a, b) => Math.max(a, b), -Infinity);
    const sum = row.reduce((total, value) => total + Math.exp(value - most), 0);
    const shift = most + Math.log(sum);
    for (let i = 0; i < row.length; i++) row[i] = (row[i] as number) - shift;
  }
  return result;
}
