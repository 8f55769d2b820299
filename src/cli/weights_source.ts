/** What `--weights` and `convert` take: a file, a URL, or the name of published weights. */
import { stat } from 'node:fs/promises';

import { fetchPretrained } from '../download/fetch_pretrained';
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
  const fileName = given.split(/[/\\]/).at(-1);
  const record = Object.values(PRETRAINED_WEIGHTS).find((set) => set.fileName === fileName);
  if (/^https?:\/\//.test(given)) return { source: given, record };
  const isFile = await stat(given).then(
    (found) => found.isFile(),
    () => false,
  );
  if (isFile) return { source: given, record };
  if (/[/\\]|\.(pth|pt|safetensors|bin|ckpt|json)$/.test(given))
    throw new Error(`there is no file ${given}`);
  const named = pretrainedWeights(given);
  const path = await withProgress(terminal, named.fileName, bytesText, (report) =>
    fetchPretrained(named, {
      ...options,
      onProgress: ({ loaded, total }) => report(loaded, total ?? named.approximateBytes),
    }),
  );
  return { source: path as string, record: named };
}
