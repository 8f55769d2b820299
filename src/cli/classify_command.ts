/** `tfjs-revcol classify`: what images show. */
import { readFile } from 'node:fs/promises';
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import type { Command } from 'commander';

import { shownUrl } from '../common/url';
import { architectureOf } from '../convert/architecture';
import { planOf } from '../convert/convert_checkpoint';
import { createModel } from '../models/create_model';
import { preprocess, type PreprocessOptions } from '../preprocessing/preprocess';
import { loadCheckpoint } from '../weights/load_checkpoint';
import { openCheckpoint } from '../weights/open_checkpoint';
import { activateBackend, type BackendName } from './backend';
import { checkImage, decodeImage } from './decode_image';
import { addDownloadOptions, backendOption, inputSizeOption, integer } from './options';
import { type Terminal, withProgress } from './terminal';
import { type DownloadOptions, findWeights, type WeightsSource } from './weights_source';

interface ClassifyOptions extends DownloadOptions {
  weights: string;
  top: number;
  inputSize?: number;
  backend?: BackendName;
  key?: string;
  json?: boolean;
}

interface Prediction {
  class: number;
  name?: string;
  probability: number;
}

export function addClassifyCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('classify')
    .description('classify JPEG and PNG images')
    .argument('<image...>', 'image files')
    .requiredOption('-w, --weights <file|name>', 'checkpoint (path or URL) or published weights')
    .option('-t, --top <count>', 'classes to show for each image', integer(1), 5)
    .option('-k, --key <key>', 'part of the checkpoint to take, e.g. state_dict_ema')
    .addOption(inputSizeOption())
    .addOption(backendOption())
    .option('--json', 'as JSON');
  addDownloadOptions(command)
    .addHelpText(
      'after',
      `
Images are prepared as in the published evaluation: up to 224 pixels bicubic resize and centre crop,
above that a plain resize; an orientation tag (EXIF) is not applied.

Examples:
  $ tfjs-revcol classify cat.jpg --weights revcol_tiny.in1k
  $ tfjs-revcol classify *.png --weights best.pth --top 1 --json`,
    )
    .action(async (images: string[], options: ClassifyOptions) => {
      // First the images: a bad one should be found before gigabytes of weights. They are decoded
      // later, one at a time: pixels take far more memory than files.
      for (const image of images) await checkImage(await readFile(image), image);
      await activateBackend(options.backend);
      const weights = await findWeights(options.weights, options, terminal);
      const { model, preprocessing } = await loadModel(weights, options, terminal);
      try {
        const results: Record<string, Prediction[]> = {};
        for (const image of images) {
          const warn = (message: string) => terminal.error(`${message}\n`);
          const pixels = await decodeImage(await readFile(image), image, warn);
          const input = preprocess(pixels, preprocessing);
          results[image] = await classify(model, input, options.top);
        }
        terminal.out(options.json ? `${JSON.stringify(results, null, 2)}\n` : asText(results));
      } finally {
        model.dispose();
      }
    });
}

/** Builds the model that the checkpoint holds, of whatever size, and fills it. */
async function loadModel(
  { source, record }: WeightsSource,
  { key, inputSize }: ClassifyOptions,
  terminal: Terminal,
): Promise<{ model: tfl.LayersModel; preprocessing: PreprocessOptions }> {
  const checkpoint = await openCheckpoint(source, { key });
  const classifier = await (async () => {
    const { numClasses } = architectureOf(checkpoint.entries);
    if (numClasses === undefined)
      throw new Error(`${/^https?:/.test(source) ? shownUrl(source) : source} has no classifier`);
    // Every shape is compared with the others before a model of such shapes is allocated.
    return planOf(checkpoint).classifier;
  })().finally(() => checkpoint.close());
  const { inputChannels, channels, depths, ...rest } = classifier;
  const side = inputSize ?? record?.inputSize[0] ?? 224;
  const model = createModel('revcol_tiny', {
    ...rest,
    channels: [...channels],
    depths: [...depths],
    inputShape: [side, side, inputChannels],
  });
  try {
    await withProgress(terminal, 'weights', percent, (report) =>
      loadCheckpoint(model, source, {
        key,
        supervision: 'skip',
        onProgress: (fraction) => report(fraction, 1),
      }),
    );
  } catch (error) {
    model.dispose();
    throw error;
  }
  const { mean, std } = record ?? {};
  const crop = inputSize === undefined ? record?.crop : undefined;
  return { model, preprocessing: { inputSize: [side, side, 3], mean, std, crop } };
}

/** Consumes `input`. */
async function classify(
  model: tfl.LayersModel,
  input: tf.Tensor4D,
  count: number,
): Promise<Prediction[]> {
  const probabilities = tf.tidy(() => tf.softmax(model.predict(input) as tf.Tensor));
  try {
    const values = await probabilities.data();
    const names =
      values.length === 1000
        ? (await import('../registry/imagenet_classes')).IMAGENET_CLASSES
        : undefined;
    return Array.from(values, (probability, index) => ({
      class: index,
      name: names?.[index],
      probability,
    }))
      .sort((a, b) => b.probability - a.probability)
      .slice(0, count);
  } finally {
    tf.dispose([probabilities, input]);
  }
}

function asText(results: Record<string, Prediction[]>): string {
  const blocks = Object.entries(results).map(([image, predictions]) => {
    const lines = predictions.map(
      (prediction) =>
        `${(100 * prediction.probability).toFixed(1).padStart(6)}%  ` +
        `${String(prediction.class).padStart(5)}  ${prediction.name ?? ''}`.trimEnd(),
    );
    return `${image}\n${lines.join('\n')}\n`;
  });
  return blocks.join('\n');
}

function percent(fraction: number): string {
  return `${Math.round(100 * fraction)}%`;
}
