/** The contestant of this package: its training, which goes on where it was stopped, and what it then finds. */
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';

import {
  AdamW,
  type CocoResult,
  cocoResults,
  createModel,
  detect,
  detectionBatch,
  type DetectionExample,
  type DetectionLosses,
  type Detections,
  detectionStep,
  layerDecayGroups,
  memoryPeak,
  recoverableTraining,
  stepSchedule,
} from 'tfjs-revcol';
import type { Backprop } from '../contestant';
import { ITEM_CLASSES } from '../items';
import { SCENE_SIDE } from '../scene';
import { type KeptScene, readScene } from './dataset';
import { noteStep } from './journal';
import { readSettings, rulesOf, type Settings } from './settings';

/** The network with the weights that both contestants begin with. */
export function network(
  { network: sizes, training }: Settings,
  backprop: Backprop,
): tf.LayersModel {
  const model = createModel('cascade_mask_rcnn_revcol_tiny.coco', {
    ...sizes,
    inputShape: [null, null, 3],
    numClasses: ITEM_CLASSES.length,
    backprop,
  });
  for (const weight of model.weights) {
    if (!/\/layer_scale$/.test(weight.originalName)) continue;
    const variable = weight.read() as tf.Variable;
    tf.tidy(() => variable.assign(tf.fill(variable.shape, training.layerScale)));
  }
  return model;
}

/** A scene as a detector learns it; the boxes are those of what can be seen. */
function exampleOf({ pixels, instances, classes }: KeptScene): DetectionExample {
  const size = { width: SCENE_SIDE, height: SCENE_SIDE };
  const labels = Int32Array.from(classes.filter((label) => label < ITEM_CLASSES.length));
  const boxes = Float32Array.from({ length: 4 * labels.length }, (_, i) =>
    i % 4 < 2 ? SCENE_SIDE : 0,
  );
  instances.forEach((id, at) => {
    if (id === 0) return;
    const own = boxes.subarray(4 * (id - 1), 4 * id);
    const [x, y] = [at % SCENE_SIDE, Math.floor(at / SCENE_SIDE)];
    const [x1, y1, x2, y2] = own as unknown as [number, number, number, number];
    own.set([Math.min(x1, x), Math.min(y1, y), Math.max(x2, x + 1), Math.max(y2, y + 1)]);
  });
  const masks = Array.from(labels, (_, k) => ({
    ...size,
    data: instances.map((id) => Number(id === k + 1)),
  }));
  return {
    image: { ...size, data: pixels },
    size: [SCENE_SIDE, SCENE_SIDE],
    boxes,
    labels,
    masks,
    crowds: new Float32Array(0),
  };
}

/** Images and objects of a step; the caller disposes the images. */
export function batchOf(out: string, step: number) {
  const { batch } = readSettings(out).training;
  return detectionBatch(
    Array.from({ length: batch }, (_, i) => exampleOf(readScene(out, 'steps', step * batch + i))),
  );
}

/** Processor time of this process so far, in seconds. */
function processorSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Trains, from what is saved in the folder on. */
export async function train(model: tf.LayersModel, out: string, backprop: Backprop): Promise<void> {
  const settings = readSettings(out);
  const { steps, peak, warmupSteps, milestones, weightDecay, seed } = settings.training;
  const training = rulesOf(settings);
  const groups = layerDecayGroups(model, { layerDecay: 1, weightDecay, task: 'detection' });
  const optimizer = new AdamW({ weightDecay, groups });
  const schedule = stepSchedule({ peak, warmupSteps, milestones });
  let [seconds, taken] = [0, 0];
  const take = async (step: number) => {
    const start = processorSeconds();
    const { images, objects } = batchOf(out, step);
    optimizer.learningRate = schedule(step + 1);
    const one = () =>
      detectionStep(model, optimizer, images, objects, { seed: [seed, step], training });
    const measured: { result: DetectionLosses; peakBytes?: number } =
      step % 200 === 1 ? await memoryPeak(one) : { result: await one() };
    images.dispose();
    const own = processorSeconds() - start;
    [seconds, taken] = [seconds + own, taken + 1];
    const { peakBytes, result } = measured;
    const { loss } = result;
    noteStep(out, backprop, { step, loss, processorSeconds: own, peakBytes });
    if (step % 50 === 0) {
      console.log(
        `${backprop}: step ${step} of ${steps}, loss ${loss.toFixed(4)}, ${(seconds / taken).toFixed(2)} processor seconds each`,
      );
    }
  };
  const saveTo = path.join(out, `${backprop}.safetensors`);
  await recoverableTraining(model, optimizer, take, { steps, saveTo, saveEvery: 50 });
  optimizer.dispose();
}

/** What the network finds in a scene for testing. */
export async function foundIn(
  model: tf.LayersModel,
  scene: KeptScene,
  { training }: Settings,
): Promise<Detections> {
  const image = { width: SCENE_SIDE, height: SCENE_SIDE, data: scene.pixels };
  return detect(model, image, {
    shortSide: SCENE_SIDE,
    longSide: SCENE_SIDE,
    proposals: training.proposals,
    classes: ITEM_CLASSES,
  });
}

/** What the network finds in all of them, as COCO's results. */
export async function resultsOf(model: tf.LayersModel, out: string): Promise<CocoResult[]> {
  const ids = ITEM_CLASSES.map((_, c) => c + 1);
  const settings = readSettings(out);
  const results: CocoResult[] = [];
  for (let i = 0; i < settings.tested; i++) {
    const found = await foundIn(model, readScene(out, 'test', i), settings);
    results.push(...cocoResults(i + 1, found, ids));
  }
  return results;
}
