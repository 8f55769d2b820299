/** `tfjs-revcol train`: a classifier of one's own pictures, or another kind of model. */
import { join } from 'node:path';
import type { Command } from 'commander';

import { messageOf } from '../../common/messages';
import { registerOptimizers } from '../../registry/register_optimizers';
import { activateBackend } from '../base/backend';
import { loadGradients } from '../base/gradients';
import { interruptible } from '../base/interrupt';
import type { Terminal } from '../base/terminal';
import { leftOutBlock, linesOf } from '../base/text';
import { CHECKPOINT, isBegun } from '../models/checkpoint_folder';
import { CLASSIFIERS } from './classifier';
import { DETECTORS } from './detector';
import { TrainingDisplay } from './display';
import { chosenKind, type OpenedTraining, type TrainingKind } from './kind';
import { addTrainOptions, commandAgain, runSettings, type TrainOptions } from './options';
import { requireOutput, writeTrained } from './output';
import { SEGMENTERS } from './segmenter';

/** What can be trained. */
const KINDS: readonly TrainingKind[] = [CLASSIFIERS, SEGMENTERS, DETECTORS];

export function addTrainCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('train')
    .description('train a classifier on a folder of labelled pictures, or a segmenter or detector')
    .argument(
      '<folder>',
      'holds a folder for each class, with --maps or --coco pictures; or train and maybe val and test, which do',
    );
  addTrainOptions(command)
    .addHelpText(
      'after',
      `
Ctrl-C saves what has been trained, and says how to go on; a second one ends at once. The folder then has
model.json with its weights and labels.txt, which classify and evaluate take as --weights, history.json, and
report.html.

With --maps a segmenter is trained, which segment and evaluate take: for street/1.jpg of the folder there is
street/1.png among the maps, grey or with a palette, whose values are the numbers of the classes; 255 is none.
Where the folder has train and val, the maps have them, too.

With --coco a detector is trained, which detect takes: file names in the JSON are paths from the folder, and each
object has a box, a category and a mask, polygons or run lengths. --short-side 400 trains at 240 to 400 pixels.

Examples:
  $ tfjs-revcol train pets --model revcol_tiny.in1k --out out/pets
  $ tfjs-revcol train pets --model revcol_base.in22k --out out/pets --adapters --memory 2GB
  $ tfjs-revcol train pets --model revcol_tiny.in1k --out out/pets --resume
  $ tfjs-revcol classify cat.jpg --weights out/pets
  $ tfjs-revcol train streets/images --maps streets/labels --classes streets.txt \\
      --model upernet_revcol_tiny.ade20k_512 --out out/streets
  $ tfjs-revcol train things/pictures --coco things/train.json --short-side 400 \\
      --model cascade_mask_rcnn_revcol_tiny.coco --out out/things`,
    )
    .action(async (folder: string, options: TrainOptions) => {
      if (options.adapters && options.headOnly) {
        throw new Error('--adapters and --head-only are two ways; give one of them');
      }
      const kind = chosenKind(KINDS, command, options);
      await requireOutput(options.out, options.resume === true);
      // First the pictures: what is wrong with them should be found before gigabytes of weights.
      const opened = await kind.open(folder, options);
      try {
        await activateBackend(options.backend);
        await loadGradients('train');
        registerOptimizers();
        await interruptible((signal) => train(folder, opened, options, terminal, signal)).catch(
          (error: unknown) => {
            throw withResume(error, options);
          },
        );
      } finally {
        await opened.close();
      }
    });
}

async function train(
  folder: string,
  opened: OpenedTraining,
  options: TrainOptions,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  const display = new TrainingDisplay(terminal);
  if (options.resume && !isBegun(options.out)) {
    terminal.error(linesOf(`${options.out} holds nothing to go on with: training begins`));
  }
  const settings = {
    ...runSettings(options),
    saveTo: join(options.out, CHECKPOINT),
    signal,
    onStep: display.onStep,
    onEpoch: display.onEpoch,
    onSaveFailed: (error: unknown) => {
      terminal.error(linesOf(`saving failed, training goes on: ${messageOf(error)}`));
    },
  };
  const trained = await opened
    .train({ options, settings, terminal, signal })
    .catch((error: unknown) => {
      display.clear();
      if (signal.aborted) terminal.error(`\n${afterInterrupt(folder, options)}\n`);
      throw error;
    })
    .finally(() => display.clear());
  try {
    const scores = await trained.scores();
    const report = await writeTrained(options.out, trained, scores, [
      ['pictures', folder],
      ...(opened.facts ?? []),
      ['model', options.model],
    ]);
    if (scores.line !== null) terminal.out(linesOf(scores.line));
    const lines = leftOutBlock(trained.result.skipped);
    if (lines.length > 0) terminal.out(`${lines.join('\n')}\n`);
    terminal.out(linesOf(`model: ${options.out}`, `report: ${report}`));
  } finally {
    trained.dispose();
  }
}

/** Of pictures that cannot be read: what to do about them is for a folder that has been begun. */
function withResume(error: unknown, { out }: TrainOptions): unknown {
  const message = messageOf(error);
  if (!message.includes('--skip-broken') || !isBegun(out)) return error;
  return new Error(
    `${message}. What was trained is saved: when that is mended, or with --skip-broken, --resume goes on with it`,
    { cause: error },
  );
}

/** What to type after an interruption. */
function afterInterrupt(folder: string, options: TrainOptions): string {
  const again = commandAgain(folder, options);
  return isBegun(options.out)
    ? `interrupted; what was trained is saved. To go on:\n  ${again} --resume`
    : `interrupted before there was anything to save. To begin again:\n  ${again}`;
}
