/** What `--weights` and `convert` take: a file, a URL, or the name of published weights. */
import { stat } from 'node:fs/promises';

import { pickOptions } from '../common/options';
import { isUrlText } from '../common/url';
import { FETCH_OPTIONS, fetchPretrained } from '../download/fetch_pretrained';
import { pretrainedWeights } from '../registry/names';
import { PRETRAINED_WEIGHTS, type PretrainedWeights } from '../registry/pretrained';
import { type Terminal, withProgress } from './terminal';
import { bytesText } from './text';

export interface DownloadOptions {
  cacheDir?: string;
  baseUrl?: string;
}

export interface WeightsSource {
  /** A path, or a URL for `openCheckpoint`. */
  source: string;
  /** The record, when published weights were named, or a file has the name of a published one. */
  record?: PretrainedWeights;
}

/**
 * Finds the weights; those named by the registry are downloaded (once).
 *
 * @throws {Error} when it is neither a file, nor a URL, nor a known name
 * @throws {DownloadError} as `fetchPretrained`
 */
export async function findWeights(
  given: string,
  options: DownloadOptions,
  terminal: Terminal,
): Promise<WeightsSource> {
  const isUrl = isUrlText(given);
  const fileName = (isUrl ? given.replace(/[?#].*$/s, '') : given).split(/[/\\]/).at(-1);
  const record = Object.values(PRETRAINED_WEIGHTS).find((set) => set.fileName === fileName);
  if (isUrl) return { source: given, record };
  const found = await stat(given).catch(() => undefined);
  if (found?.isFile()) return { source: given, record };
  if (found?.isDirectory() && !Object.hasOwn(PRETRAINED_WEIGHTS, given))
    throw new Error(
      `${given} is a folder; give a checkpoint file, an address or the name of published weights`,
    );
  if (/[/\\]|\.(pth|pt|safetensors|bin|ckpt|json)$/.test(given))
    throw new Error(`there is no file ${given}`);
  const named = pretrainedWeights(given);
  const path = await withProgress(terminal, named.fileName, bytesText, (report) =>
    fetchPretrained(named, {
      ...pickOptions(options, FETCH_OPTIONS),
      onProgress: ({ loaded, total }) => report(loaded, total ?? named.approximateBytes),
    }),
  );
  return { source: path as string, record: named };
}
