/** What `policy.test.ts` runs in a page: one step of training on a backend, if that starts. */
import '@tensorflow/tfjs-backend-webgpu';
import * as tf from '@tensorflow/tfjs';
import { getThreadsCount, setWasmPaths } from '@tensorflow/tfjs-backend-wasm';

import { AdamW, createModel, setWasmThreads, trainingStep } from 'tfjs-revcol';

/** The loss, wasm's threads, and those asked for the package's own; null where the backend does not start. */
async function train(
  backend: string,
  flags: Record<string, boolean>,
): Promise<{ loss: number; threads: number | null; own: number } | null> {
  setWasmPaths(`${location.origin}/wasm/`);
  for (const [flag, value] of Object.entries(flags)) tf.env().set(flag, value);
  const { threads: own } = await setWasmThreads(2);
  if (!(await tf.setBackend(backend))) return null;
  // On wasm with products that are large enough for threads.
  const [side, channels] = backend === 'wasm' ? [32, [24, 40]] : [8, [4, 5]];
  const model = createModel('revcol_tiny', {
    columns: 2,
    channels,
    depths: [1, 1],
    patchSize: 2,
    inputShape: [side, side, 3],
    numClasses: 3,
  });
  const x = tf.randomNormal([2, side, side, 3], 0, 1, 'float32', 1);
  const y = trainingStep(model, new AdamW(), x, (logits) => tf.mean(tf.square(logits)));
  const [loss] = await y.data();
  return { loss: loss as number, threads: backend === 'wasm' ? getThreadsCount() : null, own };
}

export type Train = typeof train;

Object.assign(globalThis, { train });
