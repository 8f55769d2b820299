/**
 * Writes weights and a batch that all contestants share. Weights are far from their initial values, so
 * that no term hides behind a layer scale of 1e-6; only alphas keep theirs, because how many anchors
 * there are follows from them.
 *
 *   tsx bench/contestants/make_inputs.ts '{"workload": ..., "weights": FILE, "inputs": FILE}'
 */
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';

import { uniform, weightValues } from '../../src/doctor/numbers';
import type { NetworkWorkload, Workload } from '../suite/workload';
import { isOperations } from '../suite/workload';
import { buildModel, logitsOf } from './build';
import { operationInputs } from './operation_inputs';
import { tensorToWrite, weightsToWrite, writeSafetensors } from './weight_files';

interface Wanted {
  workload: Workload;
  weights: string;
  inputs: string;
}

/** Values of a weight; of running statistics such as a batch may have. */
function valuesOf(name: string, shape: readonly number[], seed: number): Float32Array {
  const count = tf.util.sizeFromShape([...shape]);
  if (name.endsWith('/moving_mean')) return uniform(count, 0, 0.2, seed);
  if (name.endsWith('/moving_variance')) return uniform(count, 1, 0.2, seed);
  if (name.endsWith('/batches')) return new Float32Array(count).fill(1);
  return weightValues(name, shape, seed);
}

async function writeNetwork(
  { network, batch, extent, pass }: NetworkWorkload,
  { weights, inputs }: Wanted,
): Promise<void> {
  const model = buildModel({ network, extent }, 'reversible');
  model.weights.forEach((weight, i) => {
    const { originalName, shape } = weight;
    const values = tf.tensor(valuesOf(originalName, shape as number[], i), shape as number[]);
    weight.write(values);
    values.dispose();
  });
  await writeSafetensors(weightsToWrite(model, network), weights);
  const isImage = network.kind !== 'tokens';
  const shape = isImage ? [batch, extent, extent, network.inputChannels] : [batch, extent];
  const count = tf.util.sizeFromShape(shape);
  const classes = logitsOf(network);
  const whole = (length: number, seed: number) =>
    uniform(length, 0.5, 1 / Math.sqrt(12), seed).map((v) =>
      Math.min(classes - 1, Math.floor(v * classes)),
    );
  const x = isImage ? uniform(count, 0, 1, 1000) : whole(count, 1000);
  const tensors = [tensorToWrite('x', tf.tensor(x, shape))];
  if (pass === 'step') {
    const labels = whole(isImage ? batch : count, 1001);
    tensors.push(tensorToWrite('labels', tf.tensor1d(labels)));
  }
  await writeSafetensors(tensors, inputs);
}

const wanted = JSON.parse(process.argv[2] as string) as Wanted;
tf.enableProdMode();
await tf.setBackend('cpu');
const { workload } = wanted;
if (isOperations(workload)) {
  const tensors = operationInputs(workload).map(({ name, shape, values }) =>
    tensorToWrite(name, tf.tensor(values, [...shape])),
  );
  await writeSafetensors(tensors, wanted.inputs);
} else {
  await writeNetwork(workload, wanted);
}
