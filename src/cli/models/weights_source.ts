/** What `--weights` and `convert` take: a file, a URL, or the name of published weights. */
import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

import { ifThere } from '../../common/if_there';
import { pickOptions } from '../../common/options';
import { isUrlText } from '../../common/url';
import { type Downloadable, FETCH_OPTIONS, fetchPretrained } from '../../download/fetch_pretrained';
import { listing } from '../../pictures/listing';
import { DETECTION_WEIGHTS, type DetectionWeights } from '../../registry/detection';
import { detectionWeights, pretrainedWeights, segmentationWeights } from '../../registry/names';
import { PRETRAINED_WEIGHTS, type PretrainedWeights } from '../../registry/pretrained';
import { SEGMENTATION_WEIGHTS, type SegmentationWeights } from '../../registry/segmentation';
import { savedTraining } from '../../training/load_training';
import { DownloadNotice } from '../base/download_notice';
import { type Terminal, withProgress } from '../base/terminal';
import { bytesText, few } from '../base/text';
import { isBegun } from './checkpoint_folder';

export interface DownloadOptions {
  cacheDir?: string;
  baseUrl?: string;
}

/** Weights where they are. */
export interface FoundWeights<Published> {
  /** A path, or a URL for `openCheckpoint`. */
  source: string;
  /** The record, when published weights were named, or a file has the name of a published one. */
  record?: Published;
}

/** Those of a classifier. */
export type WeightsSource = FoundWeights<PretrainedWeights>;

/**
 * Finds the weights of a classifier; those named by the registry are downloaded (once).
 *
 * @throws {Error} when it is neither a file, nor a URL, nor a known name
 * @throws {DownloadError} as `fetchPretrained`
 */
export function findWeights(
  given: string,
  options: DownloadOptions,
  terminal: Terminal,
): Promise<WeightsSource> {
  return findAmong(PRETRAINED_WEIGHTS, pretrainedWeights, given, options, terminal);
}

/** As `findWeights`, for a segmenter. */
export function findSegmenterWeights(
  given: string,
  options: DownloadOptions & { signal?: AbortSignal },
  terminal: Terminal,
): Promise<FoundWeights<SegmentationWeights>> {
  return findAmong(SEGMENTATION_WEIGHTS, segmentationWeights, given, options, terminal);
}

/** As `findWeights`, for a detector. */
export function findDetectorWeights(
  given: string,
  options: DownloadOptions & { signal?: AbortSignal },
  terminal: Terminal,
): Promise<FoundWeights<DetectionWeights>> {
  return findAmong(DETECTION_WEIGHTS, detectionWeights, given, options, terminal);
}

async function findAmong<Published extends Downloadable>(
  records: Readonly<Record<string, Published>>,
  recordOf: (name: string) => Published,
  given: string,
  options: DownloadOptions,
  terminal: Terminal,
): Promise<FoundWeights<Published>> {
  const isUrl = isUrlText(given);
  const fileName = (isUrl ? given.replace(/[?#].*$/s, '') : given).split(/[/\\]/).at(-1);
  const record = Object.values(records).find((set) => set.fileName === fileName);
  if (isUrl) return { source: given, record };
  const found = await ifThere(stat(given));
  if (found?.isFile()) {
    await refuseTraining(given);
    return { source: given, record };
  }
  if (found?.isDirectory() && !Object.hasOwn(records, given))
    throw new Error(`${given} is a folder${await insteadOf(given)}`);
  if (/[/\\]|\.(pth|pt|safetensors|bin|ckpt|json)$/.test(given))
    throw new Error(`there is no file ${given}`);
  const named = recordOf(given);
  const notice = new DownloadNotice(terminal, named, terminal.progress !== undefined);
  const path = await withProgress(terminal, named.fileName, bytesText, (report) =>
    fetchPretrained(named, {
      ...pickOptions(options, FETCH_OPTIONS),
      fetch: notice.fetch,
      onProgress: (progress) => {
        notice.onProgress(progress);
        report(progress.loaded, progress.total ?? named.approximateBytes);
      },
    }),
  ).finally(() => notice.end());
  return { source: path as string, record: named };
}

/** What a folder lacks or holds, and what to give instead of it. */
async function insteadOf(folder: string): Promise<string> {
  const names = await listing(folder, () => readdir(folder));
  if (isBegun(folder)) {
    return ' without a model.json: train has not come to its end there; let train --resume go on with it';
  }
  const checkpoints = names.filter((name) => /\.(pth|pt|safetensors|ckpt)$/i.test(name)).sort();
  if (checkpoints.length > 0) {
    return ` without a model.json; give a checkpoint in it by its path: ${few(checkpoints)}`;
  }
  const holds = names.length === 0 ? 'it is empty' : `it holds ${few(names.sort())}`;
  return ` without a model.json: ${holds}; give a folder that train or convert made, a checkpoint file, an address or the name of published weights`;
}

/**
 * Refuses what training goes on from: it lies in the folder of the model that is meant, and its weights have
 * other names.
 *
 * @throws {Error} when the file is that
 */
async function refuseTraining(file: string): Promise<void> {
  const saved = await savedTraining(file).catch(() => null);
  if (!saved) return;
  const folder = dirname(dirname(resolve(file)));
  const instead = existsSync(join(folder, 'model.json'))
    ? `give the folder of the model, ${folder}`
    : isBegun(folder)
      ? `let train --resume go on to the end, which makes a model of it in its folder, and give that, ${folder}`
      : 'in a program loadTraining gives what is in it to a model and an optimizer that the same code has made, and ' +
        'saveCheckpoint or model.save saves the model';
  throw new Error(`${file} is what training goes on from, and no model; ${instead}`);
}
