/**
 * Counts what a forward pass and a training step of small networks take: kernels, programs of webgl,
 * bytes of memory. Runs in Node and in a page.
 */
import * as tf from '@tensorflow/tfjs';

import {
  AdamW,
  createLanguageModel,
  createModel,
  memoryPeak,
  tokenCrossEntropy,
  trainingStep,
} from 'tfjs-revcol';
import { readsSettled } from '../../src/ops/engine/reads_in_flight';
import { countKernels } from './failing_kernels';

export interface Counts {
  /** Calls of kernels, those that kernels call included. */
  kernels: number;
  /** Different programs of webgl. */
  programs?: number;
  /** Most bytes in tensors, beyond weights, optimizer and input. */
  peakBytes: number;
}
export type NetworkCounts = Record<'forward' | 'step', Counts>;

interface Case {
  model: tf.LayersModel;
  input: tf.Tensor;
  loss: (output: tf.Tensor) => tf.Scalar;
}

/** A small network of images, and one of tokens. */
export const NETWORKS: Record<string, () => Case> = {
  image: () => {
    const model = createModel('revcol_tiny', {
      inputShape: [16, 16, 3],
      patchSize: 2,
      columns: 3,
      channels: [4, 8, 12, 16],
      depths: [1, 1, 2, 1],
      numClasses: 10,
    });
    const labels = [3, 7];
    return {
      model,
      input: tf.randomNormal([2, 16, 16, 3], 0, 1, 'float32', 1),
      loss: (logits) =>
        tf.losses.softmaxCrossEntropy(tf.oneHot(labels, 10), logits as tf.Tensor2D).asScalar(),
    };
  },
  tokens: () => {
    const model = createLanguageModel({
      vocabularySize: 29,
      width: 16,
      columns: 3,
      depths: [1, 2],
      numHeads: 2,
      sequenceLength: 12,
    });
    const row = (first: number) => Array.from({ length: 12 }, (_, i) => (5 * i + first) % 29);
    return {
      model,
      input: tf.tensor2d([row(1), row(2)], [2, 12], 'int32'),
      loss: (logits) =>
        tf.tidy(() => tokenCrossEntropy(tf.tensor2d([row(6), row(7)], [2, 12], 'int32'), logits)),
    };
  },
};

/** The programs that webgl runs meanwhile; nothing on other backends. */
function watchPrograms(): { end(): Pick<Counts, 'programs'> } {
  const backend = tf.backend() as {
    getAndSaveBinary?: (key: string, ...rest: unknown[]) => unknown;
  };
  const run = backend.getAndSaveBinary;
  if (!run) return { end: () => ({}) };
  const keys = new Set<string>();
  backend.getAndSaveBinary = (key, ...rest) => {
    keys.add(key);
    return run.call(backend, key, ...rest);
  };
  return {
    end: () => {
      backend.getAndSaveBinary = run;
      return { programs: keys.size };
    },
  };
}

async function countsOf(fn: () => void): Promise<Counts> {
  const before = tf.memory().numBytes;
  const programs = watchPrograms();
  const { result, peakBytes } = await memoryPeak(() => countKernels(fn));
  return { kernels: result, peakBytes: peakBytes - before, ...programs.end() };
}

/** Of the second time: the first makes the optimizer's state, and what is kept for all models. */
export async function countsOfNetwork(name: string): Promise<NetworkCounts> {
  const { model, input, loss } = (NETWORKS[name] as () => Case)();
  const optimizer = new AdamW();
  const passes: Record<keyof NetworkCounts, () => void> = {
    forward: () => tf.dispose(model.predict(input)),
    step: () => tf.dispose(trainingStep(model, optimizer, input, loss)),
  };
  try {
    for (const pass of Object.values(passes)) pass();
    // What webgl is asked for comes later; until then it is a tensor.
    await readsSettled();
    const forward = await countsOf(passes.forward);
    await readsSettled();
    const step = await countsOf(passes.step);
    await readsSettled();
    return { forward, step };
  } finally {
    model.dispose();
    optimizer.dispose();
    input.dispose();
  }
}
