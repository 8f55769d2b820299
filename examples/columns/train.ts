/** One training of one network, which goes on where it was stopped, and its accuracy. */
import * as fs from 'node:fs';
import * as tf from '@tensorflow/tfjs';

import { createModel } from 'tfjs-revcol/models';
import {
  AdamW,
  compoundLoss,
  cosineSchedule,
  epochOrder,
  layerDecayGroups,
  recoverableTraining,
  trainingStep,
} from 'tfjs-revcol/training';
import { seedEverything } from '../shared/random';
import { batchesOf, batchOf, MEAN, type Part, STD } from './data';
import { type Contestant, NETWORK, stepsOf, TRAINING } from './settings';

/** What a training is determined by. */
export interface Run {
  contestant: Contestant;
  rate: number;
  epochs: number;
  seed: number;
}

/** The network with the weights that a seed gives it. */
export function network({ columns, depth, channels, supervised }: Contestant, seed: number) {
  seedEverything(seed);
  const { side, patchSize, numClasses } = NETWORK;
  return createModel('revcol_tiny', {
    columns,
    channels: [...channels],
    depths: channels.map(() => depth),
    patchSize,
    numClasses,
    inputShape: [side, side, 1],
    intermediateSupervision: supervised,
  });
}

/**
 * Trains from what is saved on; where that is the end, it loads the weights and takes no step.
 *
 * @param saveTo file of weights and optimizer; the loss of each step goes to a file beside it
 * @returns the trained model
 */
export async function train(run: Run, part: Part, saveTo: string): Promise<tf.LayersModel> {
  const { contestant, rate, epochs, seed } = run;
  const { batch, warmupSteps, weightDecay } = TRAINING;
  const model = network(contestant, seed);
  const groups = layerDecayGroups(model, { layerDecay: 1, weightDecay });
  const optimizer = new AdamW({ weightDecay, groups, fused: true });
  const steps = stepsOf(epochs);
  const perEpoch = stepsOf(1);
  const schedule = cosineSchedule({ peak: rate, steps, warmupSteps });
  const loss = compoundLoss({ mean: MEAN, std: STD });
  const journal = saveTo.replace(/\.safetensors$/, '.jsonl');
  const take = async (step: number) => {
    const order = epochOrder(seed, Math.floor(step / perEpoch), part.numbers.length);
    const at = (step % perEpoch) * batch;
    const { x, y } = batchOf(part, order.subarray(at, at + batch));
    optimizer.learningRate = schedule(step + 1);
    const value = trainingStep(model, optimizer, x, (outputs) => loss(outputs, y, x), {
      seed: [seed, step],
    });
    const [number] = (await value.data()) as Float32Array;
    tf.dispose([x, y, value]);
    fs.appendFileSync(journal, `${JSON.stringify([step, number])}\n`);
  };
  await recoverableTraining(model, optimizer, take, { steps, saveTo, saveEvery: 100 });
  optimizer.dispose();
  return model;
}

/** Share of a part that each classifier gets right, first to last; a plain network has one. */
export async function accuracies(model: tf.LayersModel, part: Part): Promise<number[]> {
  // Without the image decoders of a supervised network.
  const outputs = model.outputs.filter(({ shape }) => shape.length === 2);
  const classifiers = tf.model({ inputs: model.inputs, outputs });
  const right = outputs.map(() => 0);
  for (const { x, y } of batchesOf(part, 250)) {
    const counts = tf.tidy(() => {
      const classes = tf.argMax(y, 1);
      const logits = [classifiers.apply(x) as tf.Tensor | tf.Tensor[]].flat();
      const hits = logits.map((one) => tf.equal(tf.argMax(one, 1), classes));
      return tf.sum(tf.cast(tf.stack(hits), 'int32'), 1);
    });
    (await counts.data()).forEach((count, k) => (right[k] = (right[k] as number) + count));
    tf.dispose([x, y, counts]);
  }
  return right.map((count) => count / part.numbers.length);
}
