/** A whole network on tfjs: forward passes and training steps. */
import * as tf from '@tensorflow/tfjs-core';

import { memoryPeak } from 'tfjs-revcol';
import type { Task } from '../suite/messages';
import type { Contestant } from '../suite/worker';
import { CHECK_RATE, type NetworkWorkload, TIMED_RATE } from '../suite/workload';
import { buildModel, logitsOf } from './build';
import { stockImageForward, weightsByName } from './stock_image';
import { stockTokensForward } from './stock_tokens';
import {
  readTensors,
  readWeights,
  type TensorToWrite,
  tensorToWrite,
  weightsToWrite,
} from './weight_files';

/** The batch: inputs, and for a step the labels as one-hot rows. */
interface Batch {
  x: tf.Tensor;
  y: tf.Tensor | undefined;
}

async function makeBatch(workload: NetworkWorkload, file: string | null): Promise<Batch> {
  const { network, batch, extent, pass } = workload;
  const isImage = network.kind !== 'tokens';
  const classes = logitsOf(network);
  const count = isImage ? batch : batch * extent;
  const given = file ? await readTensors(file) : null;
  const batchOf = tf.tidy(() => {
    const labels = () => given?.get('labels') ?? tf.randomUniform([count], 0, classes, 'int32', 1);
    const x =
      given?.get('x') ??
      (isImage
        ? tf.randomNormal([batch, extent, extent, network.inputChannels], 0, 1, 'float32', 1)
        : tf.randomUniform([batch, extent], 0, classes, 'int32', 1));
    return {
      x: isImage ? tf.clone(x) : tf.cast(x, 'int32'),
      y:
        pass === 'step'
          ? tf.cast(tf.oneHot(tf.cast(labels(), 'int32') as tf.Tensor1D, classes), 'float32')
          : undefined,
    };
  });
  if (given) tf.dispose([...given.values()]);
  return batchOf;
}

/** A network that is ready to run. */
export interface StartedNetwork extends Pick<Contestant, 'parameters' | 'programs'> {
  countBytes: NonNullable<Contestant['countBytes']>;
  /** What it computes, and what a step makes of the weights. */
  outputs: () => Promise<TensorToWrite[]>;
}

/** Sets up the network that a task asks for, in Node or in a page. */
export async function startNetwork(task: Task): Promise<StartedNetwork> {
  const workload = task.workload as NetworkWorkload;
  const { network } = workload;
  const model = buildModel(workload, task.variant === 'stored' ? 'stored' : 'reversible');
  if (task.weights) await readWeights(model, network, task.weights);
  const { x, y } = await makeBatch(workload, task.inputs);
  const weights = weightsByName(model);
  const classes = logitsOf(network);
  const variables = model.trainableWeights.map((w) => w.read() as tf.Variable);

  const logits = (training: boolean): tf.Tensor => {
    if (task.variant !== 'stock') return model.apply(x, { training }) as tf.Tensor;
    if (network.kind === 'tokens') return stockTokensForward(weights, network, x);
    if (network.kind === 'image') return stockImageForward(weights, network, x);
    throw new Error('there is no segmenter in stock tfjs');
  };
  const forward = async (): Promise<void> => {
    const y = tf.tidy(() => logits(false));
    await y.data();
    y.dispose();
  };
  const step = async (rate: number): Promise<number> => {
    const optimizer = tf.train.sgd(rate);
    const loss = optimizer.minimize(
      () =>
        tf.losses.softmaxCrossEntropy(
          y as tf.Tensor,
          tf.reshape(logits(true), [-1, classes]),
        ) as tf.Scalar,
      true,
      variables,
    ) as tf.Scalar;
    const [value] = await loss.data();
    loss.dispose();
    optimizer.dispose();
    return value as number;
  };
  const timedStep = async (): Promise<void> => {
    await step(TIMED_RATE);
  };
  return {
    parameters: model.countParams(),
    programs: workload.pass === 'forward' ? { forward } : { step: timedStep },
    countBytes: async (run) => (await memoryPeak(run)).peakBytes,
    outputs: async () => {
      const output = tf.tidy(() => tf.reshape(logits(false), [-1, classes]));
      const tensors = [tensorToWrite('output', output)];
      if (workload.pass === 'step') {
        const loss = tf.tensor1d([await step(CHECK_RATE)]);
        tensors.push(tensorToWrite('loss', loss), ...weightsToWrite(model, network));
      }
      return tensors;
    },
  };
}
