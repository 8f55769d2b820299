/**
 * Writes weights and a batch that all contestants share. Weights are far from their initial values, so
 * that no term hides behind a layer scale of 1e-6; only alphas keep theirs, because how many anchors
 * there are follows from them.
 *
 *   tsx bench/contestants/make_inputs.ts '{"workload": ..., "weights": FILE, "inputs": FILE}'
 */
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';

import type { NetworkWorkload, Workload } from '../suite/workload';
import { isOperations } from '../suite/workload';
import { buildModel, logitsOf } from './build';
import { operationInputs } from './operation_inputs';
import { uniform } from './random';
import { tensorToWrite, weightsToWrite, writeSafetensors } from './weight_files';

interface Wanted {
  workload: Workload;
  weights: string;
  inputs: string;
}

/** Values of a weight: of a size that keeps activations near 1. */
function weightValues(name: string, shape: readonly number[], seed: number): Float32Array {
  const count = tf.util.sizeFromShape([...shape]);
  if (name.endsWith('/alpha')) return new Float32Array(count).fill(0.5);
  if (name.endsWith('/layer_scale')) return uniform(count, 0, 0.4, seed);
  if (name.endsWith('/gamma')) return uniform(count, 1, 0.2, seed);
  if (name.endsWith('/beta') || name.endsWith('bias')) return uniform(count, 0, 0.2, seed);
  if (name.endsWith('/embeddings')) return uniform(count, 0, 1, seed);
  // [height, width, channels, 1] of a depthwise kernel, [heads, depth, out], else [..., in, out].
  const joined = /depthwise/.test(name) ? 0 : name.includes('attention_output') ? 2 : null;
  const fanIn =
    joined === 0
      ? (shape[0] as number) * (shape[1] as number)
      : /(query|key|value)\/kernel/.test(name)
        ? (shape[0] as number)
        : count / (shape.at(-1) as number);
  return uniform(count, 0, fanIn ** -0.5, seed);
}

async function writeNetwork(
  { network, batch, extent }: NetworkWorkload,
  { weights, inputs }: Wanted,
): Promise<void> {
  const model = buildModel({ network, extent }, 'reversible');
  model.weights.forEach((weight, i) => {
    const { originalName, shape } = weight;
    const values = tf.tensor(weightValues(originalName, shape as number[], i), shape as number[]);
    weight.write(values);
    values.dispose();
  });
  await writeSafetensors(weightsToWrite(model, network), weights);
  const isImage = network.kind === 'image';
  const shape = isImage ? [batch, extent, extent, network.inputChannels] : [batch, extent];
  const count = tf.util.sizeFromShape(shape);
  const classes = logitsOf(network);
  const whole = (length: number, seed: number) =>
    uniform(length, 0.5, 1 / Math.sqrt(12), seed).map((v) =>
      Math.min(classes - 1, Math.floor(v * classes)),
    );
  const x = isImage ? uniform(count, 0, 1, 1000) : whole(count, 1000);
  const labels = whole(isImage ? batch : count, 1001);
  await writeSafetensors(
    [tensorToWrite('x', tf.tensor(x, shape)), tensorToWrite('labels', tf.tensor1d(labels))],
    inputs,
  );
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
