/** `evaluate` of a segmenter: mean intersection over union on pictures with label maps. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';

import type { SegmentationSource } from '../../data/segmentation_source';
import { evaluateSegmenter, type SegmentationEvaluation } from '../../models/evaluate_segmenter';
import { listing } from '../../pictures/listing';
import { segmentationFolder } from '../../pictures/segmentation_folder';
import { activateBackend, type BackendName } from '../base/backend';
import { interruptible } from '../base/interrupt';
import { givenOf } from '../base/options';
import { type Terminal, withProgress } from '../base/terminal';
import { few, leftOutBlock, table } from '../base/text';
import { givenNames } from '../models/class_names';
import type { DenseOptions } from '../models/dense_model';
import { type LoadedSegmenter, loadSegmenter } from '../models/segmenter';
import {
  addSegmentingOptions,
  requireWindowsFor,
  type SegmentingChoice,
  segmentingSettings,
} from '../predict/segment_settings';

/** What the options say. */
export interface MapsOptions extends SegmentingChoice {
  maps?: string;
  mapSuffix: string;
  reduceZeroLabel?: boolean;
  model?: string;
}

/** What those of `evaluate` say besides. */
interface EvaluateOptions extends Omit<DenseOptions, 'signal'> {
  split?: string;
  labels?: string;
  skipBroken?: boolean;
  backend?: BackendName;
  json?: boolean;
}

/** Adds the options. */
export function addMapsOptions(command: Command): Command {
  return addSegmentingOptions(
    command
      .option('--maps <folder>', 'PNG label maps of the pictures, for a segmenter')
      .option('--map-suffix <end>', "what the name of a picture's label map ends in", '.png')
      .option('--reduce-zero-label', "labels count classes from 1, as ADE20K's; 0 is none")
      .option('-m, --model <name>', 'published segmenter whose windows, sizes and classes apply'),
  );
}

/** Options of `evaluate` that are for classifiers alone, and those that are for segmenters alone. */
const CLASSIFYING = ['report', 'inputSize', 'batch', 'worst'];
const SEGMENTING = [
  ...['mapSuffix', 'reduceZeroLabel', 'model'],
  ...['mode', 'scales', 'flip', 'window', 'shortSide'],
];

/**
 * Asserts of `evaluate` without `--maps` that nothing is given that is for segmenters alone.
 *
 * @throws {Error} when there is
 */
export function requireNoMapsOptions(command: Command): void {
  const wrong = givenOf(command, SEGMENTING);
  if (wrong !== undefined) throw new Error(`${wrong} goes with --maps, the label maps; add those`);
}

/** Asserts that nothing is given that would change nothing. */
function requireForMaps(command: Command, { mode, window }: MapsOptions): void {
  const wrong = givenOf(command, CLASSIFYING);
  if (wrong !== undefined) {
    throw new Error(`${wrong} is for classifiers, --maps for segmenters; leave one out`);
  }
  requireWindowsFor(mode, window);
}

/**
 * Evaluates a segmenter on the pictures of a folder, and tells what came of it.
 *
 * @param command of which the options are
 * @throws {Error} when options are given that would change nothing
 */
export async function evaluateMaps(
  folder: string,
  options: EvaluateOptions & MapsOptions,
  maps: string,
  command: Command,
  terminal: Terminal,
): Promise<void> {
  requireForMaps(command, options);
  const { mapSuffix, reduceZeroLabel, split } = options;
  const [pictures, own] = await Promise.all([partOf(folder, split), partOf(maps, split)]);
  const open = (classNames: readonly string[]) =>
    segmentationFolder(pictures, own, { classNames, mapSuffix, reduceZeroLabel });
  const { names: given, check } = await givenNames(options.labels);
  // First the folders: what is wrong with them should be found before gigabytes of weights.
  await (await open(given ?? ['any'])).close();
  await activateBackend(options.backend);
  const evaluation = await interruptible(async (signal) => {
    const segmenter = await loadSegmenter({ ...options, signal }, terminal, check);
    try {
      const names = given ?? namesOf(segmenter);
      const source = await open(names);
      try {
        return await evaluated(segmenter, source, options, signal, terminal);
      } finally {
        await source.close();
      }
    } finally {
      segmenter.model.dispose();
    }
  });
  terminal.out(options.json ? `${JSON.stringify(evaluation, null, 2)}\n` : asText(evaluation));
}

/**
 * The part of a folder that is asked for; the folder itself where none is.
 *
 * @throws {Error} when the folder has no such part
 */
async function partOf(folder: string, split: string | undefined): Promise<string> {
  if (split === undefined) return folder;
  const entries = await listing(folder, () => readdir(folder, { withFileTypes: true }));
  const parts = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  if (parts.includes(split)) return join(folder, split);
  const there = parts.length === 0 ? 'it has no folders' : `it has ${few(parts.sort())}`;
  throw new Error(
    `--split ${split}: ${folder} has no folder ${split}; ${there}. With --maps both have the part, the pictures and ` +
      'their label maps',
  );
}

/** Names that the weights bring along, else numbers. */
function namesOf({ settings, numClasses }: LoadedSegmenter): readonly string[] {
  return settings.classes ?? Array.from({ length: numClasses }, (_, c) => `class ${c}`);
}

async function evaluated(
  segmenter: LoadedSegmenter,
  source: SegmentationSource,
  options: EvaluateOptions & MapsOptions,
  signal: AbortSignal,
  terminal: Terminal,
): Promise<SegmentationEvaluation> {
  const settings = segmentingSettings(segmenter, options);
  const { mode, inputSize, slideStride, shortSide, scales, flip, mean, std } = settings;
  return withProgress(terminal, 'pictures', String, (onProgress) =>
    evaluateSegmenter(segmenter.model, source, {
      ...{ mode, inputSize, slideStride, shortSide, scales, flip, mean, std },
      classNames: source.classNames,
      onError: options.skipBroken ? 'skip' : 'throw',
      onProgress,
      signal,
    }),
  );
}

/** Tables for people. */
function asText({ pictures, mIoU, mAcc, aAcc, perClass, skipped }: SegmentationEvaluation): string {
  const percent = (value: number | null) =>
    value === null ? undefined : `${(100 * value).toFixed(2)} %`;
  const blocks = [
    table(
      ['pictures', 'mIoU', 'mAcc', 'aAcc'],
      [[pictures, percent(mIoU), percent(mAcc), percent(aAcc)]],
    ),
    table(
      ['class', 'IoU', 'Acc'],
      perClass.map(({ name, IoU, Acc }) => [name, percent(IoU), percent(Acc)]),
    ),
    ...leftOutBlock(skipped),
  ];
  return `${blocks.join('\n\n')}\n`;
}
