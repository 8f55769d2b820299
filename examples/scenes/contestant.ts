/** The contestant of this package: its training, which goes on where it was stopped, and its evaluation. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';

import {
  AdamW,
  createModel,
  IMAGENET_MEAN,
  IMAGENET_STD,
  layerDecayGroups,
  MeanIoU,
  type MeanIoUResult,
  memoryPeak,
  polySchedule,
  recoverableTraining,
  segment,
  segmentationLoss,
  trainingStep,
} from 'tfjs-revcol';
import { type Pictures, readStep } from './dataset';
import { SCENE_CLASSES, SCENE_SIDE } from './scene';
import { NETWORK, STEPS, TRAINING } from './settings';

export type Backprop = 'reversible' | 'stored';

/** The network with the weights that both contestants begin with. */
export function network(backprop: Backprop, dropout = 0.1): tf.LayersModel {
  const model = createModel('upernet_revcol_tiny.ade20k_512', {
    ...NETWORK,
    channels: [...NETWORK.channels],
    depths: [...NETWORK.depths],
    inputShape: [null, null, 3],
    numClasses: SCENE_CLASSES.length,
    auxiliaryHead: true,
    dropout,
    backprop,
  });
  const { ground } = TRAINING;
  const items = SCENE_CLASSES.length - 1;
  for (const weight of model.weights) {
    if (!/_head\/logits\/bias$/.test(weight.originalName)) continue;
    const shares = SCENE_CLASSES.map((_, c) => (c === 0 ? ground : (1 - ground) / items));
    tf.tidy(() => (weight.read() as tf.Variable).assign(tf.log(tf.tensor1d(shares))));
  }
  return model;
}

/** Normalised images and labels of a step; the caller disposes them. */
export function tensorsOf(out: string, step: number): { x: tf.Tensor4D; y: tf.Tensor3D } {
  const { pixels, labels } = readStep(out, step);
  const shape = [TRAINING.batch, SCENE_SIDE, SCENE_SIDE] as const;
  const x = tf.tidy(() => {
    const bytes = tf.tensor4d(Float32Array.from(pixels), [...shape, 3]);
    const centred = tf.sub(tf.div(bytes, 255), tf.tensor1d([...IMAGENET_MEAN]));
    return tf.div(centred, tf.tensor1d([...IMAGENET_STD])) as tf.Tensor4D;
  });
  return { x, y: tf.tensor3d(Int32Array.from(labels), [...shape], 'int32') };
}

/** What came of the training. */
export interface Learned {
  model: tf.LayersModel;
  /** Mean loss of each hundred steps. */
  losses: number[];
  /** Seconds of the steps of this process. */
  secondsPerStep: number;
  /** Bytes in tensors at the peak of a step, weights and optimizer included. */
  peakBytes: number;
}

/** Trains, from what is saved in the folder on. */
export async function train(
  model: tf.LayersModel,
  out: string,
  backprop: Backprop,
): Promise<Learned> {
  const { peak, warmupSteps, weightDecay, seed } = TRAINING;
  const groups = layerDecayGroups(model, { layerDecay: 1, weightDecay, task: 'segmentation' });
  const optimizer = new AdamW({ weightDecay, groups, fused: true });
  const schedule = polySchedule({ peak, steps: STEPS, warmupSteps });
  const journal = path.join(out, `${backprop}.jsonl`);
  let [seconds, taken, peakBytes] = [0, 0, 0];
  const take = async (step: number) => {
    const start = performance.now();
    const { x, y } = tensorsOf(out, step);
    optimizer.learningRate = schedule(step + 1);
    const one = () =>
      trainingStep(model, optimizer, x, (logits) => segmentationLoss(y, logits), {
        seed: [seed, step],
      });
    const measured = step % 500 === 1 ? await memoryPeak(one) : { result: one(), peakBytes: 0 };
    const [loss] = (await measured.result.data()) as Float32Array;
    tf.dispose([x, y, measured.result]);
    peakBytes = Math.max(peakBytes, measured.peakBytes);
    seconds += (performance.now() - start) / 1000;
    taken++;
    fs.appendFileSync(journal, `${JSON.stringify([step, loss])}\n`);
    if (step % 100 === 0) {
      console.log(
        `${backprop}: step ${step} of ${STEPS}, loss ${loss?.toFixed(4)}, ${(seconds / taken).toFixed(2)} s each`,
      );
    }
  };
  const saveTo = path.join(out, `${backprop}.safetensors`);
  await recoverableTraining(model, optimizer, take, { steps: STEPS, saveTo, saveEvery: 200 });
  optimizer.dispose();
  return {
    model,
    losses: lossesIn(journal),
    secondsPerStep: seconds / Math.max(1, taken),
    peakBytes,
  };
}

/** Means of a hundred steps; of a step that was taken twice the last time counts. */
export function lossesIn(journal: string, steps = STEPS): number[] {
  const lines = fs.readFileSync(journal, 'utf8').trim().split('\n');
  const bySteps = new Map(lines.map((line) => JSON.parse(line) as [number, number]));
  return Array.from({ length: Math.floor(steps / 100) }, (_, i) => {
    const own = Array.from({ length: 100 }, (_, j) => bySteps.get(100 * i + j) ?? NaN);
    return own.reduce((a, b) => a + b, 0) / own.length;
  });
}

/** Mean intersection over union on scenes, as `segment` finds their classes. */
export async function measure(model: tf.LayersModel, data: Pictures): Promise<MeanIoUResult> {
  const metric = new MeanIoU({ numClasses: SCENE_CLASSES.length });
  const size = SCENE_SIDE * SCENE_SIDE;
  for (let i = 0; i < data.count; i++) {
    const pixels = data.pixels.subarray(3 * size * i, 3 * size * (i + 1));
    const image = { width: SCENE_SIDE, height: SCENE_SIDE, data: pixels };
    const { map } = await segment(model, image);
    metric.add(map, data.labels.subarray(size * i, size * (i + 1)));
  }
  return metric.result();
}
