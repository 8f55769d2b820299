/** `tfjs-revcol evaluate`: how good a classifier is on a folder of labelled pictures; label maps and COCO's files apart. */
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Command } from 'commander';

import { ifThere } from '../../common/if_there';
import type { ExampleSource } from '../../data/example_source';
import { evaluate } from '../../evaluation/evaluate';
import { type Evaluation, tellsTop5 } from '../../evaluation/evaluation';
import { imageFolder } from '../../pictures/image_folder';
import { activateBackend, type BackendName } from '../base/backend';
import {
  addDownloadOptions,
  addPartOptions,
  backendOption,
  inputSizeOption,
  integer,
} from '../base/options';
import { type Terminal, withProgress } from '../base/terminal';
import { leftOutBlock, linesOf, table } from '../base/text';
import { assumedPreparation } from '../models/assumed_preparation';
import { givenNames, imagenetNames } from '../models/class_names';
import { type Classifier, type ClassifierOptions, loadClassifier } from '../models/classifier';
import { addCocoOptions, type CocoOptions, evaluateCocoFiles } from './coco';
import { addMapsOptions, evaluateMaps, type MapsOptions, requireNoMapsOptions } from './maps';

interface EvaluateCommandOptions extends ClassifierOptions {
  split?: string;
  labels?: string;
  batch: number;
  worst: number;
  skipBroken?: boolean;
  report?: string;
  backend?: BackendName;
  json?: boolean;
}

/** As they are given: without a folder and weights for COCO's files. */
type GivenOptions = Omit<EvaluateCommandOptions, 'weights'> &
  CocoOptions &
  MapsOptions & { weights?: string };

export function addEvaluateCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('evaluate')
    .description(
      'how good a classifier or a segmenter is on labelled pictures, or results of a detector are',
    )
    .argument(
      '[folder]',
      'holds a folder for each class, with its JPEG, PNG and WebP files; with --maps, pictures',
    )
    .option(
      '-w, --weights <file|folder|name>',
      'checkpoint (path or URL), folder that train or convert made, or published weights',
    )
    .option('-s, --split <name>', 'part of the folder to take, and of --maps, e.g. test')
    .option('-l, --labels <file>', "names of the model's classes, one in each line, or JSON")
    .option('-n, --batch <size>', 'pictures at a time', integer(1), 32)
    .option('--worst <count>', 'mistakes to show, those with the highest losses', integer(0), 20)
    .option('--skip-broken', 'leave out pictures that cannot be read, and list them')
    .option('-r, --report <file>', 'write an HTML report with charts and the pictures')
    .addOption(inputSizeOption())
    .addOption(backendOption())
    .option('--json', 'as JSON');
  addMapsOptions(command);
  addCocoOptions(addDownloadOptions(addPartOptions(command)))
    .addHelpText(
      'after',
      `
Classes are the names of the folders, which must be among the model's: what train saved knows them, for
others give --labels.

A segmenter (--maps) is told by its mean intersection over union: for street/1.jpg of the folder there is
street/1.png among the maps, grey or with a palette, whose values are the numbers of the classes; 255 is none.

Examples:
  $ tfjs-revcol evaluate pets --split test --weights out/pets
  $ tfjs-revcol evaluate birds --weights best.pth --labels birds.txt --report report.html
  $ tfjs-revcol evaluate streets/images --maps streets/labels --weights out/streets
  $ tfjs-revcol evaluate --coco instances_val2017.json --results detections.json`,
    )
    .action(async (given: string | undefined, all: GivenOptions) => {
      if (all.coco !== undefined || all.results !== undefined) {
        await evaluateCocoFiles(given, all, command, terminal);
        return;
      }
      const { folder, options } = requireClassifier(command, given, all);
      if (all.maps !== undefined) {
        await evaluateMaps(folder, { ...all, ...options }, all.maps, command, terminal);
        return;
      }
      requireNoMapsOptions(command);
      const { split, report } = options;
      const { names, check } = await givenNames(options.labels);
      if (report !== undefined) await requirePlace(report);
      // First the folder: what is wrong with it should be found before gigabytes of weights.
      const found = await imageFolder(folder, { split });
      await found.close();
      await activateBackend(options.backend);
      const classifier = await loadClassifier(options, terminal, check);
      try {
        const classNames =
          names ?? classifier.classNames ?? (await imagenetNames(classifier.numClasses));
        const evaluation = await evaluateFolder(
          found,
          classifier,
          { ...options, classNames },
          terminal,
        );
        const { untold } = classifier;
        if (untold)
          terminal.error(assumedPreparation({ ...untold, numbered: classNames === undefined }));
        if (report !== undefined) {
          const { mistakePictures, writeReport } = await import('../../report/write_report');
          await writeReport(report, {
            title: `Evaluation of ${folder}${split === undefined ? '' : `, ${split}`}`,
            facts: [['model', options.weights]],
            evaluation,
            pictures: await mistakePictures(found, evaluation),
          });
        }
        terminal.out(
          options.json ? `${JSON.stringify(evaluation, null, 2)}\n` : asText(evaluation),
        );
        if (report !== undefined) terminal.error(linesOf(`report: ${report}`));
      } finally {
        classifier.model.dispose();
        await found.close();
      }
    });
}

/** What a classifier cannot do without, told in commander's words. */
function requireClassifier(
  command: Command,
  folder: string | undefined,
  { weights, kind, limits, ...options }: GivenOptions,
): { folder: string; options: EvaluateCommandOptions } {
  if (folder === undefined) command.error("error: missing required argument 'folder'");
  if (weights === undefined) {
    command.error("error: required option '-w, --weights <file|folder|name>' not specified");
  }
  if (kind !== undefined || limits !== undefined) {
    throw new Error('--kind and --limits go with --coco, the annotations, and --results');
  }
  return { folder, options: { ...options, weights } };
}

interface Wanted {
  batch: number;
  worst: number;
  skipBroken?: boolean;
  classNames?: readonly string[];
}

async function evaluateFolder(
  source: ExampleSource,
  { model, preprocessing, givesProbabilities }: Classifier,
  { batch, worst, skipBroken, classNames }: Wanted,
  terminal: Terminal,
): Promise<Evaluation> {
  return withProgress(terminal, 'pictures', String, (onProgress) =>
    evaluate(model, source, {
      batchSize: batch,
      worst,
      classNames,
      preprocessing,
      outputs: givesProbabilities ? 'probabilities' : 'logits',
      onError: skipBroken ? 'skip' : 'throw',
      onProgress,
    }),
  );
}

/** Tables for people. */
export function asText(evaluation: Evaluation): string {
  const { classNames, perClass, confusions, calibration, worst, skipped } = evaluation;
  const name = (c: number) => classNames[c] ?? String(c);
  const top5 = tellsTop5(evaluation) ? [['top 5', evaluation.top5] as const] : [];
  const blocks = [
    table(
      [
        'pictures',
        'top 1',
        ...top5.map(([title]) => title),
        'mean recall',
        'loss',
        'calibration error',
      ],
      [
        [
          evaluation.examples,
          percentage(evaluation.top1),
          ...top5.map(([, share]) => percentage(share)),
          percentage(evaluation.meanRecall),
          evaluation.loss.toFixed(4),
          percentage(calibration.expectedError),
        ],
      ],
    ),
    table(
      ['class', 'pictures', 'precision', 'recall', 'F1'],
      perClass.map((one) => [
        one.name,
        one.support,
        percentage(one.precision),
        percentage(one.recall),
        percentage(one.f1),
      ]),
    ),
    ...(confusions.length === 0
      ? []
      : [
          table(
            ['class', 'taken for', 'times'],
            confusions.slice(0, 10).map((one) => [name(one.label), name(one.predicted), one.count]),
          ),
        ]),
    ...(worst.length === 0
      ? []
      : [
          table(
            ['worst mistakes', 'class', 'taken for', 'sure'],
            worst.map((one) => [
              one.name,
              name(one.label),
              name(one.predicted),
              percentage(one.probability),
            ]),
          ),
        ]),
    ...leftOutBlock(skipped),
  ];
  return `${blocks.join('\n\n')}\n`;
}

function percentage(fraction: number | null): string | undefined {
  return fraction === null ? undefined : `${(100 * fraction).toFixed(1)} %`;
}

/** Asserts before the work that a report can be written there. */
async function requirePlace(report: string): Promise<void> {
  const kind = (path: string) => ifThere(stat(path));
  if ((await kind(report))?.isDirectory()) {
    throw new Error(`--report ${report} is a folder; give a file, such as report.html`);
  }
  const folder = dirname(report);
  if (!(await kind(folder))?.isDirectory()) {
    throw new Error(
      `--report ${report}: there is no folder ${folder}; make it, or give another place`,
    );
  }
}
