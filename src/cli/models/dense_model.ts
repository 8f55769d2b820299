/** What loading a segmenter and a detector share: `--weights` as a checkpoint or a folder, names, bad weights. */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import { type ModelMetadata, present } from '../../common/model_metadata';
import { savedStatistics } from '../../data/model_input';
import { fileSystem } from '../../model_files/file_system';
import { readTensor } from '../../ops/engine/lost_backend';
import { registerOptimizers } from '../../registry/register_optimizers';
import type { Checkpoint } from '../../weights/checkpoint';
import { loadCheckpoint, type LoadOptions, type LoadReport } from '../../weights/load_checkpoint';
import { openCheckpoint } from '../../weights/open_checkpoint';
import { prefixIn, underPrefix } from '../../weights/select_tensors';
import { withNotice } from '../base/download_notice';
import { type Terminal, withProgress } from '../base/terminal';
import { few, percent } from '../base/text';
import type { Untold } from './assumed_preparation';
import { modelFile } from './classifier';
import type { DownloadOptions } from './weights_source';

/** Options of the commands that say where a model is. */
export interface DenseOptions extends DownloadOptions {
  weights: string;
  model?: string;
  key?: string;
  prefix?: string;
  signal: AbortSignal;
}

/** Records of weights, which may tell how pictures are prepared. */
export interface Records<Weights> {
  /** That of `--model`. */
  readonly wanted: Weights | undefined;
  /** That of the file. */
  readonly record?: Weights | undefined;
}

/**
 * By which mean and deviation pixels are normalised: as the model says, which has learned from such, else as its record does;
 * `untold` where nothing says it.
 */
export function normalizationOf(
  name: string,
  model: tfl.LayersModel,
  { wanted, record }: Records<Pick<ModelMetadata, 'mean' | 'std'>>,
): { statistics: Pick<ModelMetadata, 'mean' | 'std'>; untold?: Untold } {
  const { mean, std } = { ...(wanted ?? record), ...present(savedStatistics(name, model)) };
  const isUntold = mean === undefined && std === undefined;
  return { statistics: { mean, std }, ...(isUntold ? { untold: { name, channels: 3 } } : {}) };
}

/** Told the number of classes before weights are read. */
export type CheckClasses = (count: number) => void;

/**
 * Loads a model from the folder or the checkpoint that `--weights` names.
 *
 * @throws {Error} what either throws; when a weight is not finite, and the model is disposed of
 */
export async function loadDense<Loaded extends { model: tfl.LayersModel }>(
  weights: string,
  fromFolder: (file: string) => Promise<Loaded>,
  fromCheckpoint: () => Promise<Loaded>,
): Promise<Loaded> {
  const file = await modelFile(weights);
  const loaded = file === undefined ? await fromCheckpoint() : await fromFolder(file);
  await orDispose(loaded.model, () => requireFinite(loaded.model));
  return loaded;
}

/** What `fn` gives; the model is disposed of where it throws. */
export async function orDispose<T>(model: tfl.LayersModel, fn: () => Promise<T>): Promise<T> {
  try {
    return await fn();
  } catch (error) {
    model.dispose();
    throw error;
  }
}

/** @throws {Error} when options are given that are for checkpoints */
export async function openFolder(
  file: string,
  { key, prefix }: Pick<DenseOptions, 'key' | 'prefix'>,
): Promise<tfl.LayersModel> {
  if (prefix !== undefined) throw new Error(`--prefix is for checkpoints; ${file} is a tfjs model`);
  if (key !== undefined) throw new Error(`--key is for checkpoints; ${file} is a tfjs model`);
  // What was compiled is saved with its optimizer.
  registerOptimizers();
  return tfl.loadLayersModel(fileSystem(file));
}

/** The network that a checkpoint holds, and where in it. */
export interface FoundNetwork<Network> {
  readonly network: Network;
  /** What the names of its tensors begin with. */
  readonly start: string;
  /** Tensors outside of the part that was asked for. */
  readonly others: ReadonlySet<string>;
}

/**
 * Looks into a checkpoint for a network, before a model of its shapes is allocated.
 *
 * @param networkIn finds it in the part that `--prefix` names, and says where in that
 */
export async function findNetwork<Network>(
  source: string,
  { key, prefix, signal }: DenseOptions,
  terminal: Terminal,
  networkIn: (part: Checkpoint) => { network: Network; prefix: string },
): Promise<FoundNetwork<Network>> {
  const opened = await withNotice(source, terminal, (telling) =>
    openCheckpoint(source, { key, signal, ...telling }),
  );
  try {
    const part = prefix === undefined ? opened : underPrefix(opened, prefix);
    const { network, prefix: within } = networkIn(part);
    const outer = prefix === undefined ? '' : prefixIn(opened, prefix);
    const others = [...opened.entries.keys()].filter((tensor) => !tensor.startsWith(outer));
    return { network, start: `${outer}${within}`, others: new Set(others) };
  } finally {
    await opened.close();
  }
}

/** Fills a model from the part of a checkpoint where it was found, and says what inference does not use. */
export async function fillFrom(
  model: tfl.LayersModel,
  source: string,
  { start, others }: FoundNetwork<unknown>,
  options: Pick<DenseOptions, 'key' | 'signal'> & Pick<LoadOptions, 'head' | 'supervision'>,
  terminal: Terminal,
): Promise<LoadReport> {
  const { key, signal, head, supervision } = options;
  const report = await withProgress(terminal, 'weights', percent, (onProgress) =>
    loadCheckpoint(model, source, {
      key,
      signal,
      prefix: start,
      strict: false,
      ...(head === undefined ? {} : { head }),
      ...(supervision === undefined ? {} : { supervision }),
      onProgress: (fraction) => {
        signal.throwIfAborted();
        onProgress(fraction, 1);
      },
    }),
  );
  const unused = report.unexpected.filter((tensor) => !others.has(tensor));
  if (unused.length > 0) {
    terminal.error(
      `left out ${unused.length} tensors that inference does not use: ${few(unused)}\n`,
    );
  }
  return report;
}

/** Names and colours that the file tells; those of other classes are left out, and that is said. */
export function labelsIn(
  { classes, palette }: LoadReport,
  numClasses: number,
  name: string,
  terminal: Terminal,
): Pick<LoadReport, 'classes' | 'palette'> {
  const other = [classes, palette].find((list) => list && list.length !== numClasses);
  if (other) {
    terminal.error(
      `${name} names ${other.length} classes, its head has ${numClasses}; the names are left out\n`,
    );
    return {};
  }
  return { ...(classes ? { classes } : {}), ...(palette ? { palette } : {}) };
}

/** Of logits that are no numbers the first class would be taken everywhere. */
async function requireFinite(model: tfl.LayersModel): Promise<void> {
  for (const weight of model.weights) {
    const sum = tf.tidy(() => tf.sum(tf.mul(weight.read(), 0)));
    const [value = NaN] = await readTensor(sum).finally(() => sum.dispose());
    if (Number.isFinite(value)) continue;
    throw new Error(
      `weight ${weight.name} holds values that are not finite (NaN or infinity); check what training has made ` +
        'of the weights',
    );
  }
}
