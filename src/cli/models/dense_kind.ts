/** Loading a segmenter or a detector: all that does not depend on which of them it is. */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import { type ModelMetadata, present } from '../../common/model_metadata';
import { pickOptions } from '../../common/options';
import { shownSource } from '../../common/url';
import { savedStatistics } from '../../data/model_input';
import { fileSystem } from '../../model_files/file_system';
import { readTensor } from '../../ops/engine/lost_backend';
import { withSeededRandom } from '../../ops/engine/random';
import { registerOptimizers } from '../../registry/register_optimizers';
import type { Checkpoint } from '../../weights/checkpoint';
import type { LoadOptions, LoadReport } from '../../weights/load_checkpoint';
import type { Terminal } from '../base/terminal';
import type { Untold } from './assumed_preparation';
import { savedNames } from './class_names';
import { modelFile, requireRgb } from './classifier';
import { type DenseOptions, fillFrom, findNetwork, labelsIn } from './dense_model';
import { requireKind } from './model_kind';
import type { FoundWeights } from './weights_source';

/** Records of weights, which may tell how pictures are prepared. */
export interface Records<Weights> {
  /** That of `--model`. */
  readonly wanted: Weights | undefined;
  /** That of the file. */
  readonly record?: Weights | undefined;
}

/** A model that was loaded. */
export interface LoadedDense<Settings> {
  readonly model: tfl.LayersModel;
  readonly numClasses: number;
  /** How its pictures are prepared, and what it says of its classes. */
  readonly settings: Settings;
  /** What is assumed of its pictures; absent where the model or a record tells how they are prepared. */
  readonly untold?: Untold;
}

type AnyNetwork = Readonly<Record<'numClasses' | 'inputChannels', number>>;
type AnyRecord = Pick<ModelMetadata, 'mean' | 'std'>;

/** What tells a kind of model from the other. */
export interface DenseKind<Network extends AnyNetwork, Published extends AnyRecord, Settings> {
  readonly kind: 'segmenter' | 'detector';
  /** The command that takes it. */
  readonly command: string;
  /** The data set that it is for where it has as many classes. */
  readonly dataset: { readonly name: string; readonly classes: number };
  /** What of a file's labels its settings have. */
  readonly labels: Readonly<Partial<Record<keyof Pick<LoadReport, 'classes' | 'palette'>, true>>>;
  /** How the columns of a checkpoint are loaded. */
  readonly supervision?: LoadOptions['supervision'];
  /** The record of a name. */
  readonly recordOf: (name: string) => Published;
  readonly findWeights: (
    given: string,
    options: DenseOptions,
    terminal: Terminal,
  ) => Promise<FoundWeights<Published>>;
  /** The network of a checkpoint, and what the names of its tensors begin with. */
  readonly networkIn: (part: Checkpoint, name: string) => { network: Network; prefix: string };
  /** Asserts that a file holds the network that `--model` names. */
  readonly requireSame?: (name: string, network: Network, wanted: Published) => void;
  /** Builds a network. */
  readonly build: (network: Network, numClasses: number, isTrained: boolean) => tfl.LayersModel;
  /**
   * How many classes a saved model has.
   *
   * @throws {Error} when it takes or gives something else than this kind does
   */
  readonly classesOf: (file: string, model: tfl.LayersModel) => number;
  /** Sizes of pictures: as `--model` says, else the model, else the file's record. */
  readonly sizesOf: (
    name: string,
    model: tfl.LayersModel,
    records: Records<Published>,
  ) => Partial<Settings>;
}

/** Told the number of classes before weights are read. */
export type CheckClasses = (count: number) => void;

/**
 * Loads a model from the folder or the checkpoint that `--weights` names.
 *
 * @param checkClasses called with the number of classes before weights are read
 * @throws {Error} when it is not of the kind, or not of RGB images, or cannot be found or read, or weights are not finite;
 *   what was made is disposed of then
 */
export async function loadDense<
  Network extends AnyNetwork,
  Published extends AnyRecord,
  Settings extends object,
>(
  kind: DenseKind<Network, Published, Settings>,
  options: DenseOptions,
  terminal: Terminal,
  checkClasses: CheckClasses,
): Promise<LoadedDense<Settings>> {
  const wanted = options.model === undefined ? undefined : kind.recordOf(options.model);
  const file = await modelFile(options.weights);
  const loaded =
    file === undefined
      ? await fromCheckpoint(kind, options, wanted, terminal, checkClasses)
      : await fromFolder(kind, file, options, wanted, checkClasses);
  await orDispose(loaded.model, () => requireFinite(loaded.model));
  return loaded;
}

async function fromFolder<
  Network extends AnyNetwork,
  Published extends AnyRecord,
  Settings extends object,
>(
  kind: DenseKind<Network, Published, Settings>,
  file: string,
  options: DenseOptions,
  wanted: Published | undefined,
  checkClasses: CheckClasses,
): Promise<LoadedDense<Settings>> {
  const model = await openFolder(file, options);
  return orDispose(model, async () => {
    requireKind(file, model, kind.kind);
    const numClasses = kind.classesOf(file, model);
    requireRgb(kind.command, file, model.inputs[0]?.shape[3]);
    checkClasses(numClasses);
    const names = await savedNames(file, model, numClasses);
    const { settings, ...untold } = settingsOf(kind, file, model, { wanted }, numClasses);
    const labels = names ? { classes: names } : {};
    return { model, numClasses, settings: { ...settings, ...labels }, ...untold };
  });
}

/** Builds the network that the checkpoint holds, of whatever size, and fills it. */
async function fromCheckpoint<
  Network extends AnyNetwork,
  Published extends AnyRecord,
  Settings extends object,
>(
  kind: DenseKind<Network, Published, Settings>,
  options: DenseOptions,
  wanted: Published | undefined,
  terminal: Terminal,
  checkClasses: CheckClasses,
): Promise<LoadedDense<Settings>> {
  const { source, record } = await kind.findWeights(options.weights, options, terminal);
  const name = shownSource(source);
  const found = await findNetwork(source, options, terminal, (part) => kind.networkIn(part, name));
  const { network } = found;
  requireRgb(kind.command, name, network.inputChannels);
  if (wanted) kind.requireSame?.(name, network, wanted);
  checkClasses(network.numClasses);
  const { numClasses = network.numClasses, seed = 0 } = options.training ?? {};
  const isTrained = options.training !== undefined;
  const model = withSeededRandom(seed, () => kind.build(network, numClasses, isTrained));
  return orDispose(model, async () => {
    const { key, signal } = options;
    const head = numClasses === network.numClasses ? 'load' : 'skip';
    const filling = { key, signal, head, supervision: kind.supervision } as const;
    const report = await fillFrom(model, source, found, filling, terminal);
    const told = head === 'load' ? labelsIn(report, numClasses, name, terminal) : {};
    const labels = pickOptions(told, kind.labels);
    const { settings, ...untold } = settingsOf(kind, name, model, { wanted, record }, numClasses);
    return { model, numClasses, settings: { ...settings, ...labels }, ...untold };
  });
}

/**
 * How pictures are prepared: sizes as the kind has them; pixels as the model says, which has learned from such; and the data
 * set of its classes where it has as many.
 */
function settingsOf<
  Network extends AnyNetwork,
  Published extends AnyRecord,
  Settings extends object,
>(
  { sizesOf, dataset }: DenseKind<Network, Published, Settings>,
  name: string,
  model: tfl.LayersModel,
  records: Records<Published>,
  numClasses: number,
): Pick<LoadedDense<Settings>, 'settings' | 'untold'> {
  const sizes = sizesOf(name, model, records);
  const { statistics, ...untold } = normalizationOf(name, model, records);
  const own = numClasses === dataset.classes ? { dataset: dataset.name } : {};
  return { settings: present({ ...sizes, ...statistics, ...own }) as Settings, ...untold };
}

/**
 * By which mean and deviation pixels are normalised: as the model says, which has learned from such, else as its record does;
 * `untold` where nothing says it.
 */
function normalizationOf(
  name: string,
  model: tfl.LayersModel,
  { wanted, record }: Records<Pick<ModelMetadata, 'mean' | 'std'>>,
): { statistics: Pick<ModelMetadata, 'mean' | 'std'>; untold?: Untold } {
  const { mean, std } = { ...(wanted ?? record), ...present(savedStatistics(name, model)) };
  const isUntold = mean === undefined && std === undefined;
  return { statistics: { mean, std }, ...(isUntold ? { untold: { name, channels: 3 } } : {}) };
}

/** What `fn` gives; the model is disposed of where it throws. */
async function orDispose<T>(model: tfl.LayersModel, fn: () => Promise<T>): Promise<T> {
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
