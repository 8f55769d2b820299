/** The contestant of this package: its training, which goes on where it was stopped, and what it then finds. */
import * as fs from 'node:fs';
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
import { NETWORK, RULES, TESTED, TRAINING } from './settings';

/** The network with the weights that both contestants begin with. */
export function network(backprop: Backprop): tf.LayersModel {
  const model = createModel('cascade_mask_rcnn_revcol_tiny.coco', {
    ...NETWORK,
    channels: [...NETWORK.channels],
    depths: [...NETWORK.depths],
    inputShape: [null, null, 3],
    numClasses: ITEM_CLASSES.length,
    backprop,
  });
  for (const weight of model.weights) {
    if (!/\/layer_scale$/.test(weight.originalName)) continue;
    const variable = weight.read() as tf.Variable;
    tf.tidy(() => variable.assign(tf.fill(variable.shape, TRAINING.layerScale)));
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
  const { batch } = TRAINING;
  return detectionBatch(
    Array.from({ length: batch }, (_, i) => exampleOf(readScene(out, 'steps', step * batch + i))),
  );
}

/** What came of the training. */
export interface Learned {
  /** Seconds of the steps of this process. */
  readonly secondsPerStep: number;
  /** Bytes in tensors at the peak of a step, weights and optimizer included. */
  readonly peakBytes: number;
}

/** Trains, from what is saved in the folder on. */
export async function train(
  model: tf.LayersModel,
  out: string,
  backprop: Backprop,
): Promise<Learned> {
  const { steps, peak, warmupSteps, milestones, weightDecay, seed } = TRAINING;
  const groups = layerDecayGroups(model, { layerDecay: 1, weightDecay, task: 'detection' });
  const optimizer = new AdamW({ weightDecay, groups });
  const schedule = stepSchedule({ peak, warmupSteps, milestones });
  const journal = path.join(out, `${backprop}.jsonl`);
  let [seconds, taken, peakBytes] = [0, 0, 0];
  const take = async (step: number) => {
    const start = performance.now();
    const { images, objects } = batchOf(out, step);
    optimizer.learningRate = schedule(step + 1);
    const one = () =>
      detectionStep(model, optimizer, images, objects, { seed: [seed, step], training: RULES });
    const measured =
      step % 200 === 1 ? await memoryPeak(one) : { result: await one(), peakBytes: 0 };
    images.dispose();
    peakBytes = Math.max(peakBytes, measured.peakBytes);
    seconds += (performance.now() - start) / 1000;
    taken++;
    const { loss } = measured.result;
    fs.appendFileSync(journal, `${JSON.stringify([step, loss])}\n`);
    if (step % 50 === 0) {
      console.log(
        `${backprop}: step ${step} of ${steps}, loss ${loss.toFixed(4)}, ${(seconds / taken).toFixed(2)} s each`,
      );
    }
  };
  const saveTo = path.join(out, `${backprop}.safetensors`);
  await recoverableTraining(model, optimizer, take, { steps, saveTo, saveEvery: 50 });
  optimizer.dispose();
  return { secondsPerStep: seconds / Math.max(1, taken), peakBytes };
}

/** What the network finds in a scene for testing. */
export async function foundIn(model: tf.LayersModel, scene: KeptScene): Promise<Detections> {
  const image = { width: SCENE_SIDE, height: SCENE_SIDE, data: scene.pixels };
  return detect(model, image, {
    shortSide: SCENE_SIDE,
    longSide: SCENE_SIDE,
    proposals: TRAINING.proposals,
    classes: ITEM_CLASSES,
  });
}

/** What the network finds in all of them, as COCO's results. */
export async function resultsOf(model: tf.LayersModel, out: string): Promise<CocoResult[]> {
  const ids = ITEM_CLASSES.map((_, c) => c + 1);
  const results: CocoResult[] = [];
  for (let i = 0; i < TESTED; i++) {
    results.push(...cocoResults(i + 1, await foundIn(model, readScene(out, 'test', i)), ids));
  }
  return results;
}
