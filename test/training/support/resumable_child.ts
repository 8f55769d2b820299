/**
 * Trains in a process of its own that may be killed at any moment:
 * `resumable_child.ts FILE STEPS`. Prints `ready`, and at the end a hash of all weights.
 */
import '@tensorflow/tfjs-backend-wasm';
import { createHash } from 'node:crypto';
import * as tf from '@tensorflow/tfjs';

import { AdamW, recoverableTraining } from 'tfjs-revcol';
import { start, takeStep, valuesOf } from './resumable';

async function main([file = '', steps = '']: string[]): Promise<void> {
  await tf.setBackend('wasm');
  // Weights that no run begins with again: what is loaded must set all of them.
  const seed = process.env['REVCOL_CHILD_SEED'] ?? '1';
  const training = start(() => new AdamW({ moments: '8bit', fused: true }), Number(seed));
  process.stdout.write('ready\n');
  await recoverableTraining(
    training.model,
    training.optimizer,
    async (step) => {
      takeStep(training, step);
      // Lets the weights be read, as a loop that logs its loss does.
      await new Promise((resolve) => setImmediate(resolve));
    },
    { steps: Number(steps), saveTo: file, saveEvery: 1, ema: training.ema },
  );
  const hash = createHash('sha256');
  for (const { buffer, byteOffset, byteLength } of await valuesOf(training)) {
    hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  }
  process.stdout.write(hash.digest('hex'));
}

void main(process.argv.slice(2));
