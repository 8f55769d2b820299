/**
 * From folders of pictures to measured models, on Fashion-MNIST as `examples/fashion-pictures.ts` writes it:
 *
 *   npx tsx examples/fashion-pictures.ts --data fashion-mnist --out pictures --train 200
 *   npx tsx examples/own-pictures.ts --pictures pictures
 *
 * First the command `train` learns ten classes; it is killed on the way (SIGKILL) and goes on. Then a network
 * that has learned five of the classes is fine-tuned on 200 pictures of the other five: its head alone, adapters,
 * everything; with the activations stored, too. Results go to examples/own-pictures/results.json.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';

import { imageFolder } from 'tfjs-revcol/node';
import { trainByCommand } from './own-pictures/command';
import { fineTuneInAllWays } from './own-pictures/ways';
import { startBackend } from './shared/backend';
import { readArguments } from './shared/command';

const { values } = readArguments(import.meta.url, {
  options: {
    /** The folder with `train` and `test`. */
    pictures: { type: 'string', default: 'pictures' },
    out: { type: 'string', default: 'out/own-pictures' },
    /** Epochs of the command, of the network of five classes, and of each way of fine-tuning. */
    epochs: { type: 'string', default: '16,16,24' },
    results: { type: 'string', default: 'examples/own-pictures/results.json' },
  },
});
const { pictures, out, results } = values;
const [command = 16, base = 16, tuning = 24] = values.epochs.split(',').map(Number);

await main();

async function main(): Promise<void> {
  const ofCommand = await trainByCommand(pictures, path.join(out, 'command'), command);
  write({ command: ofCommand });
  await startBackend('wasm');
  const train = await imageFolder(pictures, { split: 'train' });
  const test = await imageFolder(pictures, {
    split: 'test',
    classNames: train.classNames,
  });
  try {
    write({ command: ofCommand, fineTuning: await fineTuneInAllWays(train, test, base, tuning) });
  } finally {
    await train.close();
    await test.close();
  }
}

function write(found: object): void {
  fs.mkdirSync(path.dirname(results), { recursive: true });
  const about = { backend: 'wasm', tfjs: tf.version_core, pictures: 'Fashion-MNIST, 28 pixels' };
  fs.writeFileSync(results, `${JSON.stringify({ ...about, ...found }, null, 2)}\n`);
}
