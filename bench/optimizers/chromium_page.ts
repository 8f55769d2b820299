/** What runs in the page of `chromium.ts`. */
import * as tf from '@tensorflow/tfjs';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';

import { createModel, memoryPeak, type ModelName } from 'tfjs-revcol';
import { makeOptimizer } from './by_name';

/** Steps to be measured. */
export interface PageCase {
  model: string;
  optimizer: string;
  batch: number;
  side: number;
  steps: number;
}

/** What the page measures. */
export interface PageResult {
  parameters: number;
  peakBytes: number;
  restingBytes: number;
  /** Size of WebAssembly's memory, which never shrinks. */
  wasmBytes: number;
  seconds: number[];
  losses: number[];
}

async function measure({ model: name, optimizer, batch, side, steps }: PageCase) {
  setWasmPaths('/wasm/');
  if (!(await tf.setBackend('wasm'))) throw new Error('backend wasm did not start');
  const inputShape: [number, number, number] = [side, side, 3];
  const model = createModel(name as ModelName, { inputShape, numClasses: 1000 });
  const x = tf.randomNormal([batch, ...inputShape], 0, 1, 'float32', 1);
  const y = tf.tidy(() => tf.oneHot(tf.range(0, batch, 1, 'int32'), 1000));
  const trained = model.trainableWeights.map((w) => w.read() as tf.Variable);
  const own = makeOptimizer(optimizer);
  const result: PageResult = {
    parameters: model.countParams(),
    peakBytes: 0,
    restingBytes: 0,
    wasmBytes: 0,
    seconds: [],
    losses: [],
  };
  for (let i = 0; i < steps; i++) {
    const start = performance.now();
    const { peakBytes } = await memoryPeak(() => {
      const loss = own.minimize(
        () =>
          tf.losses.softmaxCrossEntropy(
            y,
            model.apply(x, { training: true }) as tf.Tensor,
          ) as tf.Scalar,
        true,
        trained,
      ) as tf.Scalar;
      result.losses.push(loss.dataSync()[0] as number);
      loss.dispose();
    });
    result.seconds.push((performance.now() - start) / 1000);
    result.peakBytes = Math.max(result.peakBytes, peakBytes);
  }
  result.restingBytes = tf.memory().numBytes;
  const { wasm } = tf.backend() as unknown as { wasm: { HEAPU8: Uint8Array } };
  result.wasmBytes = wasm.HEAPU8.buffer.byteLength;
  return result;
}

Object.assign(globalThis, { measure });
