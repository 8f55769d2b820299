/** The contest in detection: what the other contestant is given, the training here, and both results side by side. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';

import {
  evaluateCoco,
  IMAGENET_MEAN,
  IMAGENET_STD,
  loadCheckpoint,
  parseCocoResults,
  saveCheckpoint,
} from 'tfjs-revcol';
import { seedEverything } from '../../shared/random';
import { type Backprop, lossesIn } from '../contestant';
import { ITEM_CLASSES } from '../items';
import { SCENE_SIDE } from '../scene';
import { foundOfAnyClass, ofAnyClass } from './any_class';
import { network, resultsOf, train } from './contestant';
import { testAnnotations, writeDataset } from './dataset';
import { differences } from './differences';
import { NETWORK, TESTED, TRAINING } from './settings';

/** Where the results are kept. */
const RESULTS = new URL('results.json', import.meta.url);

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
    side: SCENE_SIDE,
    classes: ITEM_CLASSES,
    tested: TESTED,
    mean: IMAGENET_MEAN,
    std: IMAGENET_STD,
  };
  fs.writeFileSync(path.join(out, 'settings.json'), JSON.stringify(settings, null, 1));
}

/** Trains from the exported weights, and writes what is found in the scenes for testing. */
export async function trainAndDetect(out: string, backprop: Backprop): Promise<void> {
  const model = network(backprop);
  await loadCheckpoint(model, path.join(out, 'init.pth'));
  const learned = await train(model, out, backprop);
  await saveCheckpoint(model, path.join(out, `${backprop}.trained.safetensors`));
  const results = await resultsOf(model, out);
  fs.writeFileSync(path.join(out, `${backprop}.detections.json`), JSON.stringify(results));
  const facts = {
    versions: { tfjs: tf.version_core },
    backend: tf.getBackend(),
    parameters: model.countParams(),
    steps: TRAINING.steps,
    ...learned,
  };
  fs.writeFileSync(path.join(out, `${backprop}.json`), JSON.stringify(facts, null, 1));
  console.log(`${backprop}: ${results.length} objects found`);
  model.dispose();
}

/** Average precision of what a contestant has found; null where there is none of it. */
function measured(out: string, name: string) {
  const [facts, found] = ['json', 'detections.json'].map((end) => path.join(out, `${name}.${end}`));
  if (!fs.existsSync(facts as string) || !fs.existsSync(found as string)) return null;
  const dataset = testAnnotations(out);
  const results = parseCocoResults(fs.readFileSync(found as string, 'utf8'), dataset);
  const of = (kind: 'box' | 'mask') => {
    const { AP, AP50, AP75, categories } = evaluateCoco(dataset, results, { kind });
    return { AP, AP50, AP75, byClass: categories.map((one) => one.AP) };
  };
  const [items, everywhere] = [ofAnyClass(dataset), foundOfAnyClass(results)];
  const anyOf = (kind: 'box' | 'mask') => {
    const { AP, AP50, AP75 } = evaluateCoco(items, everywhere, { kind });
    return { AP, AP50, AP75 };
  };
  return {
    ...(JSON.parse(fs.readFileSync(facts as string, 'utf8')) as object),
    box: of('box'),
    mask: of('mask'),
    anyClass: { box: anyOf('box'), mask: anyOf('mask') },
    losses: lossesIn(path.join(out, `${name}.jsonl`), TRAINING.steps),
  };
}

/** Puts the results together, and compares stored with reversible columns on the trained weights. */
export async function compare(out: string): Promise<void> {
  const [reversible, stored, torch] = ['reversible', 'stored', 'torch'].map((name) =>
    measured(out, name),
  );
  if (!reversible || !torch) {
    throw new Error(`${out} has no results of both contestants; train both first`);
  }
  const apart = (kind: 'box' | 'mask') => 100 * (reversible[kind].AP - torch[kind].AP);
  const results = {
    task: `${TESTED} scenes of ${SCENE_SIDE} x ${SCENE_SIDE} pixels, ${ITEM_CLASSES.length} classes`,
    note:
      `Training was short, ${TRAINING.steps} steps of ${TRAINING.batch} scenes from random weights: the figures compare ` +
      'two trainings, and are far from what the network can learn. Seconds are those of a shared machine, measured ' +
      'one after the other: they do not compare.',
    network: NETWORK,
    training: TRAINING,
    revcol: reversible,
    torch,
    ...(stored ? { revcolStored: stored } : {}),
    differenceInPoints: { box: apart('box'), mask: apart('mask') },
    storedAndReversible: await differences(out),
  };
  fs.writeFileSync(RESULTS, `${JSON.stringify(results, null, 2)}\n`);
  for (const kind of ['box', 'mask'] as const) {
    const [here, there] = [reversible, torch].map((one) => (100 * one[kind].AP).toFixed(2));
    console.log(`${kind} AP ${here} here, ${there} in PyTorch; results.json`);
  }
}
