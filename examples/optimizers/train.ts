/** One training by one contestant. */
import * as tf from '@tensorflow/tfjs';

import { addAdapters } from 'tfjs-revcol/adapters';
import { createModel } from 'tfjs-revcol/models';
import {
  Adafactor,
  AdamW,
  cosineSchedule,
  epochOrder,
  Lion,
  softmaxCrossEntropy,
  trainingStep,
} from 'tfjs-revcol/training';
import { plainBatch } from '../fashion/batch';
import { DATA_SETS, type DataSetName, type Pictures } from '../fashion/data';
import { network } from '../fashion/network';
import { seedEverything } from '../shared/random';
import { type Contestant, OTHER, PICTURES, RANK, TRAINING } from './settings';

/** What a training is determined by. */
export interface Run {
  contestant: Contestant;
  set: DataSetName;
  rate: number;
  steps: number;
  seed: number;
}

/** An optimizer whose rate follows a schedule. */
export type Optimizer = tf.Optimizer & { learningRate: number };

/** The network as a contestant begins with it: `revcol_femto`. */
export async function startingModel(
  { start }: Contestant,
  set: DataSetName,
  seed: number,
): Promise<tf.LayersModel> {
  seedEverything(seed);
  if (start === 'random') return network('femto', 'stored');
  const model = await createModel(`revcol_femto.${OTHER[set]}`, {
    pretrained: true,
    backprop: 'stored',
  });
  // What the weights say of the classes is of no use to other classes.
  const head = model.getLayer('head');
  const [gamma, beta, kernel, bias] = head.getWeights() as [
    tf.Tensor,
    tf.Tensor,
    tf.Tensor,
    tf.Tensor,
  ];
  tf.tidy(() =>
    head.setWeights([gamma, beta, tf.truncatedNormal(kernel.shape, 0, 0.02), tf.zerosLike(bias)]),
  );
  if (start === 'adapters') {
    addAdapters(model, { rank: RANK });
    head.trainable = true;
  }
  return model;
}

/** What a contestant trains with. Updates as each step is differentiated, which all of them can. */
export function optimizerOf({ optimizer, weightDecay }: Contestant): Optimizer {
  const common = { weightDecay, fused: true };
  switch (optimizer) {
    case 'adamw':
      return new AdamW(common);
    case 'adamw8':
      return new AdamW({ ...common, moments: '8bit' });
    case 'lion':
      return new Lion(common);
    case 'adafactor':
      // By a schedule as the others, not by its own.
      return new Adafactor({ ...common, relativeStep: false, scaleParameter: false });
  }
}

/** Takes steps of a training; returns what it leaves, which the caller disposes. */
export async function train(
  run: Run,
  pictures: Pictures,
): Promise<{ model: tf.LayersModel; optimizer: Optimizer }> {
  const { contestant, set, rate, steps, seed } = run;
  const model = await startingModel(contestant, set, seed);
  const optimizer = optimizerOf(contestant);
  const schedule = cosineSchedule({
    peak: rate,
    steps,
    warmupSteps: Math.round(TRAINING.warmup * steps),
    warmupRate: rate / 100,
  });
  for (let step = 0; step < steps; step++) {
    optimizer.learningRate = schedule(step + 1);
    await takeStep(model, optimizer, run, pictures, step);
  }
  return { model, optimizer };
}

/** One step. */
export async function takeStep(
  model: tf.LayersModel,
  optimizer: Optimizer,
  { set, seed }: Pick<Run, 'set' | 'seed'>,
  pictures: Pictures,
  step: number,
): Promise<void> {
  const { batch, labelSmoothing } = TRAINING;
  const count = Math.min(PICTURES[set], pictures.count);
  const perEpoch = Math.floor(count / batch);
  const order = epochOrder(seed, Math.floor(step / perEpoch), count);
  const at = (step % perEpoch) * batch;
  const { images, labels } = plainBatch(pictures, order.subarray(at, at + batch), DATA_SETS[set]);
  const loss = trainingStep(
    model,
    optimizer,
    images,
    (logits) => softmaxCrossEntropy(labels, logits as tf.Tensor, { labelSmoothing }),
    { seed: [seed, step] },
  );
  const [value = NaN] = await loss.data();
  tf.dispose([images, labels, loss]);
  if (!Number.isFinite(value)) throw new Error(`the loss of step ${step} is no number`);
}
