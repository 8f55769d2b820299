/** What `policy.test.ts` runs in a page: one step of training on a backend, if that starts. */
import '@tensorflow/tfjs-backend-webgpu';
import * as tf from '@tensorflow/tfjs';
import { getThreadsCount, setWasmPaths } from '@tensorflow/tfjs-backend-wasm';

import { AdamW, createModel, trainingStep } from 'tfjs-revcol';

/** The loss and wasm's threads; null where the backend does not start. */
async function train(
  backend: string,
  flags: Record<string, boolean>,
): Promise<{ loss: number; threads: number | null } | null> {
  setWasmPaths(`${location.origin}/wasm/`);
  for (const [flag, value] of Object.entries(flags)) tf.env().set(flag, value);
  if (!(await tf.setBackend(backend))) return null;
  const model = createModel('revcol_tiny', {
    columns: 2,
    channels: [4, 5],
    depths: [1, 1],
    patchSize: 2,
    inputShape: [8, 8, 3],
    numClasses: 3,
  });
  const x = tf.randomNormal([2, 8, 8, 3], 0, 1, 'float32', 1);
  const y = trainingStep(model, new AdamW(), x, (logits) => tf.mean(tf.square(logits)));
  const [loss] = await y.data();
  return { loss: loss as number, threads: backend === 'wasm' ? getThreadsCount() : null };
}

export type Train = typeof train;

Object.assign(globalThis, { train });
