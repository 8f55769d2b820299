/**
 * Out to many processes and back: makes a model, saves it, trains it in PyTorch under torchrun with
 * two processes, loads it back. The predictions of both ends must agree before and after. Ends with
 * exit code 1 where they do not.
 *
 *   npx tsx bench/torchrun_roundtrip.ts --model-dir DIR --torchrun VENV/bin/torchrun
 *
 * DIR holds revcol_torch.py, a PyTorch RevCol with the published parameter names; the environment
 * variable REVCOL_TORCH names it as well. torchrun comes with PyTorch (pip install torch numpy
 * safetensors), by default from the PATH.
 */
import '@tensorflow/tfjs-backend-wasm';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs-core';

import { createModel, loadCheckpoint, openCheckpoint, saveCheckpoint } from 'tfjs-revcol';
import { writeSafetensors } from '../src/weights/safetensors/writer';

const SIDE = 32;
const CLASSES = 4;
const CONFIG = { channels: [8, 16, 24, 32], depths: [1, 1, 2, 1], columns: 4 };
const TOLERANCE = 1e-4;
/** Processes that do not find one another wait for ever. */
const MAX_MS = 600_000;

const { values } = parseArgs({
  options: {
    'model-dir': { type: 'string', default: process.env.REVCOL_TORCH },
    torchrun: { type: 'string', default: 'torchrun' },
    processes: { type: 'string', default: '2' },
    steps: { type: 'string', default: '40' },
  },
});

function newModel() {
  const { channels, depths, columns } = CONFIG;
  return createModel('revcol_tiny', {
    inputShape: [SIDE, SIDE, 3],
    channels,
    depths,
    columns,
    numClasses: CLASSES,
  });
}

/** Images whose class is the quarter that is bright, channels-last. */
function makeData(count: number, seed: number): { images: tf.Tensor4D; labels: Float32Array } {
  const labels = Float32Array.from({ length: count }, (_, i) => i % CLASSES);
  const images = tf.tidy(() => {
    const noise = tf.randomNormal([count, SIDE, SIDE, 3], 0, 0.5, 'float32', seed);
    const quarters = tf.oneHot(tf.tensor1d(labels, 'int32'), CLASSES);
    const bright = tf.image.resizeNearestNeighbor(
      tf.reshape(quarters, [count, 2, 2, 1]) as tf.Tensor4D,
      [SIDE, SIDE],
    );
    return tf.add(noise, bright) as tf.Tensor4D;
  });
  return { images, labels };
}

async function channelsFirst(images: tf.Tensor4D): Promise<Float32Array> {
  const moved = tf.transpose(images, [0, 3, 1, 2]);
  const data = (await moved.data()) as Float32Array;
  moved.dispose();
  return data;
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) throw new Error(`${a.length} predictions here, ${b.length} there`);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] as number))), 0);
}

async function main(folder: string): Promise<boolean> {
  const modelDir = values['model-dir'];
  if (!modelDir) throw new Error('say where revcol_torch.py is: --model-dir DIR or REVCOL_TORCH');
  await tf.setBackend('wasm');
  const at = (name: string): string => path.join(folder, name);
  const print = (line: string): void => void process.stdout.write(`${line}\n`);

  const model = newModel();
  const probe = makeData(16, 3).images;
  const predict = async (): Promise<Float32Array> =>
    (await (model.predict(probe) as tf.Tensor).data()) as Float32Array;
  await saveCheckpoint(model, at('start.safetensors'));
  const { images, labels } = makeData(64, 5);
  const shape = (count: number): number[] => [count, 3, SIDE, SIDE];
  await writeSafetensors(
    [
      { name: 'images', shape: shape(64), read: () => channelsFirst(images) },
      { name: 'labels', shape: [64], read: async () => labels },
      { name: 'probe', shape: shape(16), read: () => channelsFirst(probe) },
    ],
    at('data.safetensors'),
  );
  print(`saved ${model.countParams()} parameters`);
  const before = await predict();

  const script = fileURLToPath(new URL('torchrun_train.py', import.meta.url));
  const { channels, depths, columns } = CONFIG;
  const config = JSON.stringify({ channels, depths, columns, num_classes: CLASSES });
  const child = spawnSync(
    values.torchrun,
    [
      ...['--standalone', '--nproc_per_node', values.processes, script],
      ...['--model-dir', modelDir, '--config', config, '--steps', values.steps],
      ...['--weights', at('start.safetensors'), '--data', at('data.safetensors')],
      ...['--out', at('trained.pth')],
    ],
    { encoding: 'utf8', timeout: MAX_MS },
  );
  if (child.status !== 0) {
    throw new Error(`torchrun failed: ${child.error?.message ?? child.stderr.slice(-2000)}`);
  }
  const summary = JSON.parse(child.stdout.trim().split('\n').at(-1) ?? '{}') as {
    processes: number;
    torch: string;
    spread: number;
    first_loss: number;
    last_loss: number;
  };
  print(
    `trained with PyTorch ${summary.torch} in ${summary.processes} processes: loss ` +
      `${summary.first_loss.toFixed(4)} to ${summary.last_loss.toFixed(4)}, weights of the ` +
      `processes differ by ${summary.spread}`,
  );

  const report = await loadCheckpoint(model, at('trained.pth'));
  print(`loaded ${report.loaded.length} tensors back`);
  const after = await predict();
  const theirs = await openCheckpoint(at('trained.pth.safetensors'));
  const differences = {
    before: largestDifference(before, await theirs.read('before')),
    after: largestDifference(after, await theirs.read('after')),
  };
  const moved = largestDifference(before, after);
  print(`predictions here and in PyTorch differ by at most`);
  print(`  ${differences.before.toExponential(1)} before training`);
  print(
    `  ${differences.after.toExponential(1)} after training, which moved them by ${moved.toFixed(2)}`,
  );
  // Without a change by training the second comparison would say nothing.
  const trained = summary.last_loss < 0.9 * summary.first_loss && moved > 0.1;
  const agree = Math.max(differences.before, differences.after) <= TOLERANCE;
  print(trained && agree && summary.spread === 0 ? 'both ends agree' : 'FAILED');
  return trained && agree && summary.spread === 0;
}

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-torchrun-'));
const succeeded = await main(folder).catch((error: unknown) => {
  // Left to Node, it would come with the source of the wasm backend.
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  return false;
});
fs.rmSync(folder, { recursive: true });
process.exitCode = succeeded ? 0 : 1;
