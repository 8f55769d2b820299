/** The contest: what the other contestant is given, the training here, and both results side by side. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';

import {
  IMAGENET_MEAN,
  IMAGENET_STD,
  loadCheckpoint,
  saveCheckpoint,
  segmentationLoss,
} from 'tfjs-revcol';
import { seedEverything } from '../shared/random';
import { type Backprop, lossesIn, measure, network, tensorsOf, train } from './contestant';
import { readPictures, writeDataset } from './dataset';
import { SCENE_CLASSES, SCENE_SIDE, TEST_SCENES } from './scene';
import { NETWORK, STEPS, TRAINING } from './settings';

/** Where the results are kept. */
const RESULTS = new URL('results.json', import.meta.url);

/** Batches by whose gradients stored and reversible are compared. */
const COMPARED = 3;

/** Writes scenes, order and weights for whoever trains alike. */
export async function exportAll(folder: string, out: string): Promise<void> {
  fs.mkdirSync(out, { recursive: true });
  writeDataset(folder, out);
  seedEverything(TRAINING.seed);
  const model = network('reversible');
  await saveCheckpoint(model, path.join(out, 'init.pth'), { format: 'openmmlab' });
  model.dispose();
  const settings = {
    network: NETWORK,
    training: TRAINING,
    steps: STEPS,
    side: SCENE_SIDE,
    classes: SCENE_CLASSES,
    mean: IMAGENET_MEAN,
    std: IMAGENET_STD,
  };
  fs.writeFileSync(path.join(out, 'settings.json'), JSON.stringify(settings, null, 1));
}

/** Trains from the exported weights, and evaluates. */
export async function trainAndMeasure(out: string, backprop: Backprop): Promise<void> {
  const model = network(backprop);
  await loadCheckpoint(model, path.join(out, 'init.pth'));
  const learned = await train(model, out, backprop);
  await saveCheckpoint(model, path.join(out, `${backprop}.trained.safetensors`));
  const { mIoU, mAcc, aAcc, IoU } = await measure(model, readPictures(out, 'test', 0, TEST_SCENES));
  const { secondsPerStep, peakBytes } = learned;
  const found = {
    versions: { tfjs: tf.version_core },
    backend: tf.getBackend(),
    parameters: model.countParams(),
    steps: STEPS,
    secondsPerStep,
    peakBytes,
    mIoU,
    mAcc,
    aAcc,
    IoU,
  };
  fs.writeFileSync(path.join(out, `${backprop}.json`), JSON.stringify(found, null, 1));
  console.log(`${backprop}: mIoU ${mIoU}`);
  model.dispose();
}

/** Puts both results together, and compares stored with reversible columns on the trained weights. */
export async function compare(out: string): Promise<void> {
  const read = (name: string) => {
    const file = path.join(out, `${name}.json`);
    if (!fs.existsSync(file)) return undefined;
    const losses = lossesIn(path.join(out, `${name}.jsonl`));
    return { ...(JSON.parse(fs.readFileSync(file, 'utf8')) as { mIoU: number }), losses };
  };
  const [reversible, stored, torch] = [read('reversible'), read('stored'), read('torch')];
  if (!reversible || !torch) {
    throw new Error(`${out} has no results of both contestants; train both first`);
  }
  const results = {
    task: `${TEST_SCENES} scenes of ${SCENE_SIDE} x ${SCENE_SIDE} pixels, ${SCENE_CLASSES.length} classes`,
    network: NETWORK,
    training: TRAINING,
    revcol: reversible,
    torch,
    ...(stored ? { revcolStored: stored } : {}),
    differenceInPoints: 100 * (reversible.mIoU - torch.mIoU),
    storedAndReversible: await differences(out),
  };
  fs.writeFileSync(RESULTS, `${JSON.stringify(results, null, 2)}\n`);
  console.log(
    `mIoU ${(100 * reversible.mIoU).toFixed(2)} here, ${(100 * torch.mIoU).toFixed(2)} in PyTorch; results.json`,
  );
}

/** Largest differences of loss and gradients between stored and reversible columns, by their norm. */
async function differences(out: string): Promise<object> {
  const found: { loss: number; gradients: Map<string, Float32Array> }[][] = [];
  for (const backprop of ['reversible', 'stored'] as const) {
    const model = network(backprop, 0);
    await loadCheckpoint(model, path.join(out, 'reversible.trained.safetensors'));
    const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
    const own: (typeof found)[number] = [];
    for (let step = 0; step < COMPARED; step++) {
      const { x, y } = tensorsOf(out, step);
      const { value, grads } = tf.variableGrads(
        () => segmentationLoss(y, model.apply(x, { training: true }) as tf.Tensor[]),
        variables,
      );
      const gradients = new Map<string, Float32Array>();
      for (const [i, variable] of variables.entries()) {
        const values = (await grads[variable.name]?.data()) as Float32Array;
        gradients.set((model.trainableWeights[i] as { originalName: string }).originalName, values);
      }
      own.push({ loss: (await value.data())[0] as number, gradients });
      tf.dispose([x, y, value, ...Object.values(grads)]);
    }
    found.push(own);
    model.dispose();
  }
  const [reversible, stored] = found as [(typeof found)[number], (typeof found)[number]];
  let [loss, gradient] = [0, { error: 0, weight: '' }];
  for (const [i, one] of reversible.entries()) {
    const other = stored[i] as typeof one;
    loss = Math.max(loss, Math.abs(one.loss - other.loss));
    for (const [weight, values] of one.gradients) {
      const expected = other.gradients.get(weight) as Float32Array;
      const apart = values.map((value, k) => value - (expected[k] as number));
      const error = normOf(apart) / (normOf(expected) || 1);
      if (error > gradient.error) gradient = { error, weight };
    }
  }
  return { batches: COMPARED, largestLossDifference: loss, largestGradientError: gradient };
}

function normOf(values: Float32Array): number {
  let sum = 0;
  for (const value of values) sum += value * value;
  return Math.sqrt(sum);
}
