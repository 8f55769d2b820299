/**
 * Memory and time of one training step of a RevCol over tokens (a causal language model), stored mode
 * and reversible mode, against the length of the sequence and the number of columns. Each case runs
 * in a process of its own.
 *
 *   npx tsx bench/transformer_memory.ts
 *   npx tsx bench/transformer_memory.ts --columns 4,8,16 --lengths 512 --backend tensorflow
 */
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs';

import { layers, memoryPeak } from 'tfjs-revcol';
import { median, megabytes, numbers, residentBytes, runInProcess, useBackend } from './support';

type Mode = 'stored' | 'reversible';

interface Case {
  backend: string;
  mode: Mode;
  columns: number;
  length: number;
  batch: number;
  width: number;
  heads: number;
  depth: number;
  chunkSize: number | null;
  steps: number;
}

interface Result extends Case {
  parameters: number;
  /** Most bytes in tensors during a step, weights included. */
  peakBytes: number;
  /** The same, above what lives between steps: weights and the batch. */
  stepBytes: number;
  residentBytes: number;
  seconds: number[];
}

const VOCABULARY = 256;
const LEVELS = 4;

function makeModel(c: Case): tf.LayersModel {
  const perLevel = (value: number) => Array.from({ length: LEVELS }, () => value);
  return tf.sequential({
    layers: [
      layers.revColBackbone({
        inputShape: [c.length],
        dtype: 'int32',
        isotropic: true,
        columns: c.columns,
        channels: perLevel(c.width),
        depths: perLevel(c.depth),
        stem: layers.tokenEmbedding({
          inputDim: VOCABULARY,
          outputDim: c.width,
          positions: 'sinusoidal',
        }),
        block: layers.transformerEncoderBlock({
          numHeads: c.heads,
          useCausalMask: true,
          chunkSize: c.chunkSize,
        }),
        backprop: c.mode,
      }),
      tf.layers.dense({ units: VOCABULARY }),
    ],
  });
}

/** One process: builds the network and takes training steps with plain gradient descent. */
async function measure(c: Case): Promise<Result> {
  await useBackend(c.backend);
  const model = makeModel(c);
  const shape: [number, number] = [c.batch, c.length];
  const ids = tf.randomUniform(shape, 0, VOCABULARY, 'int32', 1);
  const next = tf.tidy(() => tf.oneHot(tf.reshape(ids, [-1]) as tf.Tensor1D, VOCABULARY));
  const optimizer = tf.train.sgd(1e-3);
  const variables = model.trainableWeights.map((w) => w.read() as tf.Variable);
  const step = () => {
    const loss = optimizer.minimize(
      () => {
        const logits = model.apply(ids, { training: true }) as tf.Tensor;
        return tf.losses.softmaxCrossEntropy(next, tf.reshape(logits, [-1, VOCABULARY]));
      },
      true,
      variables,
    ) as tf.Scalar;
    loss.dataSync();
    loss.dispose();
  };
  const before = tf.memory().numBytes;
  let peakBytes = 0;
  const seconds: number[] = [];
  for (let i = 0; i <= c.steps; i++) {
    const start = performance.now();
    peakBytes = (await memoryPeak(step)).peakBytes;
    if (i > 0) seconds.push((performance.now() - start) / 1000);
  }
  return {
    ...c,
    parameters: model.countParams(),
    peakBytes,
    stepBytes: peakBytes - before,
    residentBytes: residentBytes(),
    seconds,
  };
}

function report(c: Case): number | null {
  const result = runInProcess(import.meta.url, c) as Result | string;
  if (typeof result === 'string') {
    console.log(`| ${c.columns} | ${c.length} | ${c.mode} | ${result} | | | | |`);
    return null;
  }
  console.log(
    `| ${c.columns} | ${c.length} | ${c.mode} | ${(result.parameters / 1e6).toFixed(1)} M | ` +
      `${megabytes(result.peakBytes)} | ${megabytes(result.stepBytes)} | ` +
      `${megabytes(result.residentBytes)} | ${median(result.seconds).toFixed(2)} |`,
  );
  return result.peakBytes;
}

const { values } = parseArgs({
  options: {
    backend: { type: 'string', default: 'wasm' },
    columns: { type: 'string', default: '4,8' },
    lengths: { type: 'string', default: '128,256,512' },
    modes: { type: 'string', default: 'stored,reversible' },
    batch: { type: 'string', default: '8' },
    width: { type: 'string', default: '256' },
    heads: { type: 'string', default: '4' },
    depth: { type: 'string', default: '1' },
    chunk: { type: 'string' },
    steps: { type: 'string', default: '1' },
    case: { type: 'string' },
  },
});

if (values.case) {
  console.log(JSON.stringify(await measure(JSON.parse(values.case) as Case)));
} else {
  console.log(
    `backend ${values.backend}, batch ${values.batch}, width ${values.width}, ${values.heads} heads, ` +
      `${LEVELS} levels of ${values.depth} block(s)\n`,
  );
  console.log(
    '| columns | length | mode | parameters | peak MB | of it the step | resident MB | seconds per step |',
  );
  console.log('|---|---|---|---|---|---|---|---|');
  for (const columns of numbers(values.columns)) {
    for (const length of numbers(values.lengths)) {
      const peaks = (values.modes.split(',') as Mode[]).map((mode) =>
        report({
          backend: values.backend,
          mode,
          columns,
          length,
          batch: Number(values.batch),
          width: Number(values.width),
          heads: Number(values.heads),
          depth: Number(values.depth),
          chunkSize: values.chunk ? Number(values.chunk) : null,
          steps: Number(values.steps),
        }),
      );
      const [stored, reversible] = peaks;
      if (stored != null && reversible != null) {
        console.log(`| | | ratio | | ${(stored / reversible).toFixed(1)} | | | |`);
      }
    }
  }
}
