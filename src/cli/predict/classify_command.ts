/** `tfjs-revcol classify`: what images show. */
import { readFile } from 'node:fs/promises';
import * as tf from '@tensorflow/tfjs-core';
import type { Command } from 'commander';

import { checkImage, decodeImage, decodeShown } from '../../pictures/decode_image';
import { preprocess } from '../../preprocessing/preprocess';
import { activateBackend, type BackendName } from '../base/backend';
import {
  addDownloadOptions,
  addPartOptions,
  backendOption,
  inputSizeOption,
  integer,
} from '../base/options';
import type { Terminal } from '../base/terminal';
import { linesOf } from '../base/text';
import { assumedPreparation } from '../models/assumed_preparation';
import { givenNames, imagenetNames } from '../models/class_names';
import { type Classifier, type ClassifierOptions, loadClassifier } from '../models/classifier';

interface ClassifyOptions extends ClassifierOptions {
  top: number;
  labels?: string;
  backend?: BackendName;
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
    .description('classify JPEG, PNG and WebP images')
    .argument('<image...>', 'image files')
    .requiredOption(
      '-w, --weights <file|folder|name>',
      'checkpoint (path or URL), folder that train or convert made, or published weights',
    )
    .option('-l, --labels <file>', 'names of the classes, one in each line, or JSON')
    .option('-t, --top <count>', 'classes to show for each image', integer(1), 5)
    .addOption(inputSizeOption())
    .addOption(backendOption())
    .option('--json', 'as JSON');
  addDownloadOptions(addPartOptions(command))
    .addHelpText(
      'after',
      `
Images are prepared as in the published evaluation: up to 224 pixels bicubic resize and centre crop,
above that a plain resize; an orientation tag (EXIF) is not applied. Those for a model that was trained here
are prepared as in its training, upright.

Examples:
  $ tfjs-revcol classify cat.jpg --weights revcol_tiny.in1k
  $ tfjs-revcol classify *.png --weights best.pth --labels birds.txt
  $ tfjs-revcol classify *.png --weights web/revcol_tiny --top 1 --json`,
    )
    .action(async (images: string[], options: ClassifyOptions) => {
      // First the images: a bad one should be found before gigabytes of weights. They are decoded
      // later, one at a time: pixels take far more memory than files.
      for (const image of images) await checkImage(await bytesOfFile(image), image);
      const { names: given, check } = await givenNames(options.labels);
      await activateBackend(options.backend);
      const classifier = await loadClassifier(options, terminal, check);
      try {
        const { classNames, numClasses, upright } = classifier;
        const names = given ?? classNames ?? (await imagenetNames(numClasses));
        const results: Record<string, Prediction[]> = {};
        for (const image of images) {
          const warn = (message: string) => terminal.error(linesOf(message));
          const bytes = await bytesOfFile(image);
          const pixels = upright
            ? await decodeShown(bytes, image)
            : await decodeImage(bytes, image, warn);
          const input = preprocess(pixels, classifier.preprocessing);
          results[image] = await classify(classifier, input, names, options.top);
        }
        const { untold } = classifier;
        if (untold)
          terminal.error(assumedPreparation({ ...untold, numbered: names === undefined }));
        terminal.out(options.json ? `${JSON.stringify(results, null, 2)}\n` : asText(results));
      } finally {
        classifier.model.dispose();
      }
    });
}

/** Consumes `input`. */
async function classify(
  { model, givesProbabilities }: Classifier,
  input: tf.Tensor4D,
  names: readonly string[] | undefined,
  count: number,
): Promise<Prediction[]> {
  const probabilities = tf.tidy(() => {
    const output = model.predict(input) as tf.Tensor;
    return givesProbabilities ? output : tf.softmax(output);
  });
  try {
    const values = await probabilities.data();
    if (!values.every(Number.isFinite)) {
      throw new Error(
        'the model gives probabilities that are not numbers (NaN); expected finite weights and ' +
          'outputs. Check what training has made of the weights',
      );
    }
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
    return linesOf(image, ...lines);
  });
  return blocks.join('\n');
}

/** @throws {Error} that names the file */
async function bytesOfFile(image: string): Promise<Buffer> {
  try {
    return await readFile(image);
  } catch (error) {
    // The system does not name a folder that is read.
    throw Object.assign(error as NodeJS.ErrnoException, { path: image });
  }
}
