/** What a training step of small networks takes on the backend in use: time, and memory by columns. */
import * as tf from '@tensorflow/tfjs-core';

import { createModel, type CreateModelOptions } from '../models/create_model';
import { readTensor } from '../ops/engine/lost_backend';
import { memoryPeak } from '../ops/engine/memory_peak';
import { AdamW } from '../training/adamw';
import { softmaxCrossEntropy } from '../training/cross_entropy';
import { trainingStep } from '../training/training_step';
import type { Backprop } from './golden';
import { integers, uniform } from './numbers';
import type { DoctorMemory, DoctorStep } from './report';

/** Steps that are timed after the first; fewer where they take longer than so many ms together. */
const RUNS = 3;
const ENOUGH = 4000;
const CLASSES = 10;

/** The network whose step is timed: Tiny at an eighth of its width. */
const TIMED = { channels: [8, 16, 32, 64], depths: [1, 1, 2, 1], side: 32, batch: 2 };
/** That whose memory is measured: activations are more than weights. */
const WEIGHED = { channels: [4, 8], depths: [1, 1], patchSize: 2, side: 16, batch: 4 };
const COLUMNS = [2, 4, 8];

interface Network extends Pick<CreateModelOptions, 'channels' | 'depths' | 'patchSize'> {
  side: number;
  batch: number;
}

/** Calls `use` with a function that takes one step and waits for it. */
async function withSteps<T>(
  { side, batch, ...network }: Network,
  columns: number,
  backprop: Backprop,
  use: (step: () => Promise<void>) => Promise<T>,
): Promise<T> {
  const model = createModel('revcol_tiny', {
    ...network,
    columns,
    backprop,
    inputShape: [side, side, 3],
    numClasses: CLASSES,
  });
  const optimizer = new AdamW();
  const x = tf.tensor(uniform(batch * side * side * 3, 0, 1, 1), [batch, side, side, 3]);
  const labels = tf.tensor1d(integers(batch, 0, CLASSES, 2), 'int32');
  try {
    return await use(async () => {
      const loss = trainingStep(model, optimizer, x, (logits) =>
        softmaxCrossEntropy(labels, logits as tf.Tensor),
      );
      try {
        await readTensor(loss);
      } finally {
        loss.dispose();
      }
    });
  } finally {
    optimizer.dispose();
    tf.dispose([x, labels]);
    model.dispose();
  }
}

/** Times a step in one mode. */
export async function timeStep(backprop: Backprop): Promise<DoctorStep> {
  return withSteps(TIMED, 4, backprop, async (step) => {
    const times: number[] = [];
    const begin = performance.now();
    for (let i = 0; i <= RUNS; i++) {
      const start = performance.now();
      if (i > 1 && start - begin > ENOUGH) break;
      await step();
      times.push(performance.now() - start);
    }
    const [firstMilliseconds = 0, ...rest] = times;
    rest.sort((a, b) => a - b);
    return {
      backprop,
      milliseconds: rest[Math.floor(rest.length / 2)] as number,
      firstMilliseconds,
    };
  });
}

/** Measures the peak of a step by columns, in one mode. */
export async function weighColumns(backprop: Backprop): Promise<DoctorMemory[]> {
  const measured: DoctorMemory[] = [];
  // What the program itself holds is not the network's.
  const before = tf.memory().numBytes;
  for (const columns of COLUMNS) {
    const peakBytes = await withSteps(WEIGHED, columns, backprop, async (step) => {
      // Moments are made in the first step.
      await step();
      return (await memoryPeak(step)).peakBytes - before;
    });
    measured.push({ backprop, columns, peakBytes });
  }
  return measured;
}
