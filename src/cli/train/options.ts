/** What the command `train` can be told. */
import { type Command, InvalidArgumentError } from 'commander';

import { parseBytes } from '../../common/bytes';
import type { RunSettings } from '../../finetune/base/options';
import type { BackendName } from '../base/backend';
import { addDownloadOptions, backendOption, integer } from '../base/options';
import type { DownloadOptions } from '../models/weights_source';

/** The options. */
export interface TrainOptions extends DownloadOptions {
  model: string;
  out: string;
  adapters?: boolean;
  headOnly?: boolean;
  epochs?: number;
  batch?: number;
  learningRate?: number;
  memory?: number;
  augment?: 'none' | 'light' | 'medium' | 'strong';
  inputSize?: number;
  columns?: number;
  channels?: number[];
  depths?: number[];
  patchSize?: number;
  seed: number;
  skipBroken?: boolean;
  backend?: BackendName;
  resume?: boolean;
  /** Label maps, of a segmenter. */
  maps?: string;
  mapSuffix?: string;
  reduceZeroLabel?: boolean;
  classes?: string;
  shortSide?: number | 'none';
  headChannels?: number;
  randomWeights?: boolean;
  /** Annotations, of a detector; those for validation. */
  coco?: string;
  cocoVal?: string;
  longSide?: number;
}

const numbers = (text: string): number[] => text.split(',').map(integer(1));

function positive(text: string): number {
  if (Number(text) > 0 && Number.isFinite(Number(text))) return Number(text);
  throw new InvalidArgumentError('expected a number above 0.');
}

function bytes(text: string): number {
  try {
    return parseBytes('', '', text.trim() === String(Number(text)) ? Number(text) : text);
  } catch {
    throw new InvalidArgumentError('expected bytes, such as 2GB or 512MiB.');
  }
}

const sideOrNone = (text: string): number | 'none' => (text === 'none' ? text : integer(1)(text));

/** Adds the options. */
export function addTrainOptions(command: Command): Command {
  return addDownloadOptions(
    command
      .requiredOption(
        '-m, --model <name|file|folder>',
        'size (random weights), published weights, checkpoint, or folder of a tfjs model',
      )
      .requiredOption('-o, --out <folder>', 'where the model, its history and a report are written')
      .option('--adapters', 'train low-rank adapters and the head alone')
      .option('--head-only', 'train the head alone')
      .option(
        '-e, --epochs <count>',
        'passes over the pictures; default: by their number',
        integer(1),
      )
      .option('-n, --batch <count>', 'pictures in a step; default: by their number', integer(1))
      .option('--learning-rate <rate>', 'the highest; default: by what is trained', positive)
      .option('--memory <bytes>', 'most bytes that tensors may take, e.g. 2GB', bytes)
      .option('--augment <strength>', 'how much pictures are changed: none, light, medium, strong')
      .option(
        '--input-size <pixels>',
        "side of the square input, of a segmenter of the crops; default: the model's own",
        integer(8),
      )
      .option('--columns <count>', "columns in place of the size's own", integer(1))
      .option('--channels <counts>', 'channels of its levels, separated by commas', numbers)
      .option('--depths <counts>', 'blocks of its levels, separated by commas', numbers)
      .option('--patch-size <pixels>', 'side of the patches of its stem', integer(1))
      .option('--maps <folder>', 'PNG label maps of the pictures: train a segmenter')
      .option('--map-suffix <end>', "what the name of a picture's label map ends in; default: .png")
      .option('--reduce-zero-label', "labels count classes from 1, as ADE20K's; 0 is none")
      .option(
        '--classes <file>',
        'names of the classes of the maps, one in each line, or JSON; default: labels.json, labels.txt or ' +
          'classes.txt among the maps',
      )
      .option(
        '--short-side <pixels>',
        'resize the shorter side of pictures with maps to this before, or none; with --coco to this and less; ' +
          'default: as published',
        sideOrNone,
      )
      .option('--coco <file>', "COCO's JSON of the objects in the pictures: train a detector")
      .option('--coco-val <file>', 'the same of pictures for validation, in the same folder')
      .option(
        '--long-side <pixels>',
        'most that the longer side of pictures with --coco has; default: 1.67 times the shorter one',
        integer(1),
      )
      .option('--random-weights', 'begin a published segmenter or detector at random')
      .option('--head-channels <count>', 'channels of its head then', integer(1))
      .option('--seed <number>', 'of all that is random', integer(0), 0)
      .option('--skip-broken', 'leave out pictures that cannot be read')
      .addOption(backendOption())
      .option('--resume', 'go on with what --out holds, exactly'),
  );
}

/** What the options say to every run. */
export function runSettings(options: TrainOptions): RunSettings {
  const { epochs, batch, learningRate, seed, resume, skipBroken } = options;
  const train = options.adapters ? 'adapters' : options.headOnly ? 'head' : undefined;
  return {
    ...(train ? { train } : {}),
    epochs,
    batch,
    learningRate,
    seed,
    resume: resume === true,
    onError: skipBroken ? 'skip' : 'throw',
  };
}

/** The command that goes on with, or begins again, what the options say; without `--resume`. */
export function commandAgain(folder: string, options: TrainOptions): string {
  const quoted = (text: string) =>
    /^[\w./:=@%+,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
  const given = { ...options, resume: undefined, seed: options.seed || undefined };
  const words = Object.entries(given).flatMap(([name, value]) => {
    if (value === undefined || value === false) return [];
    const flag = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    return value === true ? [flag] : [flag, quoted(String(value))];
  });
  return `npx tfjs-revcol train ${[quoted(folder), ...words].join(' ')}`;
}
