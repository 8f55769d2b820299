/** The contest in detection: what the other contestant is given, the training here, and both results side by side. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';

import { evaluateCoco, loadCheckpoint, parseCocoResults, saveCheckpoint } from 'tfjs-revcol';
import { seedEverything } from '../../shared/random';
import type { Backprop } from '../contestant';
import { foundOfAnyClass, ofAnyClass } from './any_class';
import { network, resultsOf, train } from './contestant';
import { testAnnotations, writeDataset } from './dataset';
import { differences } from './differences';
import { trainingFacts } from './journal';
import { type ContestOptions, contestSettings, readSettings, writeSettings } from './settings';

/** Where the results are kept. */
const RESULTS = new URL('results.json', import.meta.url);

/** Writes scenes, order and weights for whoever trains alike. */
export async function exportAll(
  folder: string,
  out: string,
  options: ContestOptions,
): Promise<void> {
  fs.mkdirSync(out, { recursive: true });
  const settings = contestSettings(options);
  writeDataset(folder, out, settings);
  seedEverything(settings.training.seed);
  const model = network(settings, 'reversible');
  await saveCheckpoint(model, path.join(out, 'init.pth'), { format: 'openmmlab' });
  model.dispose();
  writeSettings(out, settings);
}

/** Trains from the exported weights, and writes what is found in the scenes for testing. */
export async function trainAndDetect(out: string, backprop: Backprop): Promise<void> {
  const settings = readSettings(out);
  const model = network(settings, backprop);
  await loadCheckpoint(model, path.join(out, 'init.pth'));
  await train(model, out, backprop);
  await saveCheckpoint(model, path.join(out, `${backprop}.trained.safetensors`));
  const results = await resultsOf(model, out);
  fs.writeFileSync(path.join(out, `${backprop}.detections.json`), JSON.stringify(results));
  const facts = {
    versions: { tfjs: tf.version_core },
    backend: tf.getBackend(),
    parameters: model.countParams(),
    steps: settings.training.steps,
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
    ...trainingFacts(out, name, readSettings(out).training.steps),
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
  const settings = readSettings(out);
  const { training, side, classes, tested, heldOut } = settings;
  const apart = (kind: 'box' | 'mask') => 100 * (reversible[kind].AP - torch[kind].AP);
  const results = {
    task:
      `${tested} scenes of ${side} x ${side} pixels, ${classes.length} classes` +
      (heldOut ? ', of training items that were held out' : ''),
    note:
      `${training.steps} steps of ${training.batch} scenes from random weights, one training of each: the figures tell ` +
      'nothing of the spread between seeds. Seconds are processor time of one thread.',
    network: settings.network,
    training,
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
