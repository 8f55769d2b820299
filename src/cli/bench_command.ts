/** `tfjs-revcol bench`: how fast a model is, and what memory it takes. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { type Command, InvalidArgumentError, Option } from 'commander';

import { createModel } from '../models/create_model';
import { memoryPeak } from '../ops/engine/memory_peak';
import {
  isVitSizeName,
  REVCOL_ARCHITECTURES,
  SIZE_NAMES,
  VIT_ARCHITECTURES,
} from '../registry/architectures';
import { type ModelName, parseName } from '../registry/names';
import { activateBackend, type BackendName } from './base/backend';
import { loadGradients } from './base/gradients';
import { backendOption, integer } from './base/options';
import { type Terminal, withProgress } from './base/terminal';
import { bytesText, table } from './base/text';
import { TAKEN_BY } from './models/model_kind';

interface BenchOptions {
  batch: number[];
  inputSize?: number;
  runs: number;
  columns?: number;
  train?: boolean;
  backprop: 'reversible' | 'stored';
  backend?: BackendName;
  json?: boolean;
}

interface Measurement {
  batch: number;
  /** Median over the runs, in ms. */
  milliseconds: number;
  /** First run, with whatever the backend compiles or allocates, in ms. */
  firstMilliseconds: number;
  imagesPerSecond: number;
  /** Most bytes in tensors, those of the model included. */
  peakBytes: number;
}

export function addBenchCommand(program: Command, terminal: Terminal): void {
  program
    .command('bench')
    .description('time a model with random weights on random images')
    .argument('[model]', `size or published name: ${SIZE_NAMES.join(', ')}`, 'revcol_tiny')
    .option('-n, --batch <sizes>', 'batch sizes, separated by commas', integers, [1])
    .option(
      '--input-size <pixels>',
      'side of the square images; default: that of the weights or the size, else 224',
      integer(1),
    )
    .option('-r, --runs <count>', 'timed runs after the first', integer(1), 5)
    .option('--columns <count>', "columns in place of the size's own", integer(1))
    .option('--train', 'time training steps (plain SGD) instead of inference')
    .addOption(
      new Option('--backprop <mode>', 'backward pass of training')
        .choices(['reversible', 'stored'])
        .default('reversible'),
    )
    .addOption(backendOption())
    .option('--json', 'as JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ tfjs-revcol bench
  $ tfjs-revcol bench revcol_small --batch 1,8 --backend wasm
  $ tfjs-revcol bench --train --batch 4 --backprop stored`,
    )
    .action(async (name: string, options: BenchOptions) => {
      const shape = imagesOf(name, options.inputSize);
      const [height, width] = shape;
      const backend = await activateBackend(options.backend);
      if (options.train) await loadGradients('bench --train');
      const total = options.batch.length * (options.runs + 1);
      const results = await withProgress(terminal, name, String, async (report) => {
        const model = buildModel(name, shape, options);
        try {
          const measured: Measurement[] = [];
          let done = 0;
          for (const batch of options.batch) {
            measured.push(await measure(model, batch, shape, options, () => report(++done, total)));
          }
          return measured;
        } finally {
          model.dispose();
        }
      });
      const what = options.train ? `training step, ${options.backprop}` : 'inference';
      const head = { model: name, backend, what, inputSize: height };
      terminal.out(
        options.json
          ? `${JSON.stringify({ ...head, results }, null, 2)}\n`
          : `${name}, ${what}, ${height} x ${width}, ${backend}\n${asTable(results)}\n`,
      );
    });
}

function integers(text: string): number[] {
  const parse = integer(1);
  const values = text.split(',').map(parse);
  if (values.length === 0) throw new InvalidArgumentError('expected at least one number.');
  return values;
}

/** Images that a model is timed on, `[height, width, channels]`; a dense model takes those of any size. */
function imagesOf(name: string, side: number | undefined): [number, number, number] {
  const { size, weights, text } = parseName('createModel', name);
  if (text || size === 'revcol_text_femto') {
    throw new Error(`${name} is ${TAKEN_BY.texts}; bench times models of pictures`);
  }
  const { imageSize, inputChannels } = isVitSizeName(size)
    ? VIT_ARCHITECTURES[size]
    : REVCOL_ARCHITECTURES[size];
  const [height, width, channels] = weights?.inputSize ?? [imageSize, imageSize, inputChannels];
  return [side ?? height, side ?? width, channels];
}

function buildModel(
  name: string,
  inputShape: [number, number, number],
  { columns, train, backprop }: BenchOptions,
): tfl.LayersModel {
  const model = createModel(name as ModelName, {
    inputShape,
    columns,
    backprop,
  });
  if (train) model.compile({ optimizer: 'sgd', loss: crossEntropy });
  return model;
}

async function measure(
  model: tfl.LayersModel,
  batch: number,
  shape: readonly [number, number, number],
  { runs, train }: BenchOptions,
  afterRun: () => void,
): Promise<Measurement> {
  const images = tf.randomUniform([batch, ...shape], -1, 1, 'float32', 1);
  const labels = tf.tidy(() =>
    tf.oneHot(tf.zeros([batch], 'int32'), model.outputShape[1] as number),
  );
  try {
    const run = train ? () => model.trainOnBatch(images, labels) : () => predict(model, images);
    const times: number[] = [];
    const { peakBytes } = await memoryPeak(async () => {
      for (let i = 0; i <= runs; i++) {
        const start = performance.now();
        await run();
        times.push(performance.now() - start);
        afterRun();
      }
    });
    const [first = 0, ...rest] = times;
    const milliseconds = median(rest);
    return {
      batch,
      milliseconds,
      firstMilliseconds: first,
      imagesPerSecond: (1000 * batch) / milliseconds,
      peakBytes,
    };
  } finally {
    tf.dispose([images, labels]);
  }
}

function crossEntropy(labels: tf.Tensor, logits: tf.Tensor): tf.Tensor {
  return tf.losses.softmaxCrossEntropy(labels, logits);
}

async function predict(model: tfl.LayersModel, images: tf.Tensor): Promise<void> {
  const logits = model.predict(images) as tf.Tensor;
  // Some backends only queue the work: the values end it.
  await logits.data();
  logits.dispose();
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? 0)) / 2;
}

function asTable(results: readonly Measurement[]): string {
  return table(
    ['batch', 'ms', 'first ms', 'images/s', 'peak memory'],
    results.map(({ batch, milliseconds, firstMilliseconds, imagesPerSecond, peakBytes }) => [
      batch,
      Number(milliseconds.toFixed(1)),
      Number(firstMilliseconds.toFixed(1)),
      Number(imagesPerSecond.toFixed(2)),
      bytesText(peakBytes),
    ]),
  );
}
