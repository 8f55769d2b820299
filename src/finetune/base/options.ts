/** What every run of fine-tuning can be told, whatever is trained. */
import { ADAPTER_OPTIONS, type AdapterOptions } from '../../adapters/add_adapters';
import {
  requireFunction,
  requireInteger,
  requireOneOf,
  requireRanges,
  requireRate,
  shown,
} from '../../common/arguments';
import { type OptionNames, requireOptions } from '../../common/options';
import type { TrainedParts } from './defaults';
import type { FineTuneEvents } from './events';

/** Options of every run. What is said of defaults is that of `fineTune`. */
export interface RunSettings extends FineTuneEvents {
  /**
   * What is trained: `'all'`, at first only the head where that is new; `'head'`; or `'adapters'`, low-rank
   * ones and the head. Default `'all'`, or the largest of these that `memory` allows.
   */
  train?: TrainedParts;
  /** Of the adapters. Default: those of `addAdapters`. */
  adapters?: AdapterOptions;
  /** Passes over the examples, from 1, those for the head included. Default: by their number, 8 to 40. */
  epochs?: number;
  /** The first of them, in which only the head is trained. Default: 1 to 5 where the head is new, else 0. */
  headEpochs?: number;
  /** Examples of a step, from 1. Default: by their number, 8 to 64. */
  batch?: number;
  /** Highest learning rate, above 0. Default: by what is trained, and the root of the batch. */
  learningRate?: number;
  /** The same while only the head is trained. */
  headLearningRate?: number;
  /** Factor of the learning rate from a layer to the one below it, in (0, 1]. Default 0.9; 1 for fresh models. */
  layerDecay?: number;
  /** Decay of kernels, as `AdamW` has it, from 0. Default 0.05. */
  weightDecay?: number;
  /**
   * Averages of the weights, which are what is kept: their decay, or whether to have any. Default: where all are
   * trained.
   */
  ema?: boolean | number;
  /** Epochs without a better one after which training ends, from 1; null: none. Default: a third, 5 at least. */
  patience?: number | null;
  /** Of all that is random, an integer from 0. Default 0. */
  seed?: number;
  /** What becomes of pictures that cannot be read: `'skip'` leaves them out. Default `'throw'`. */
  onError?: 'throw' | 'skip';
  /**
   * Where training is saved as it goes: a folder in Node, which is made; `'indexeddb://NAME'` in browsers.
   * Default: nowhere.
   */
  saveTo?: string;
  /** Seconds between two times of saving, from 0. Default 60. */
  saveEvery?: number;
  /** Whether to go on from what `saveTo` holds, exactly; begins where it holds nothing. Default false. */
  resume?: boolean;
  /** Ends training: it is saved, and the promise rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** Their names. */
export const RUN_OPTIONS: OptionNames<RunSettings> = {
  train: true,
  adapters: true,
  epochs: true,
  headEpochs: true,
  batch: true,
  learningRate: true,
  headLearningRate: true,
  layerDecay: true,
  weightDecay: true,
  ema: true,
  patience: true,
  seed: true,
  onError: true,
  saveTo: true,
  saveEvery: true,
  resume: true,
  signal: true,
  onStep: true,
  onEpoch: true,
  onSaveFailed: true,
};

const MODES: readonly TrainedParts[] = ['all', 'head', 'adapters'];

/** @throws {Error} when an option of a run is out of range, or two of them do not go together */
export function requireRunOptions(
  owner: string,
  options: RunSettings & { validation?: unknown },
): void {
  const { train, epochs, headEpochs, batch, ema, patience, seed } = options;
  if (train !== undefined) requireOneOf(owner, 'train', train, MODES);
  if (epochs !== undefined) requireInteger(owner, 'epochs', epochs, 1);
  if (headEpochs !== undefined) requireInteger(owner, 'headEpochs', headEpochs, 0);
  if (batch !== undefined) requireInteger(owner, 'batch', batch, 1);
  if (patience != null) requireInteger(owner, 'patience', patience, 1);
  if (seed !== undefined) requireInteger(owner, 'seed', seed, 0);
  if (options.onError !== undefined) {
    requireOneOf(owner, 'onError', options.onError, ['throw', 'skip']);
  }
  requireNumbers(owner, options);
  if (typeof ema === 'number') requireRate(owner, 'ema', ema);
  else if (ema !== undefined) requireFlag(owner, 'ema', ema, 'true, false or a decay in [0, 1)');
  const { adapters } = options;
  if (adapters !== undefined) requireOptions(`${owner}: adapters`, adapters, ADAPTER_OPTIONS);
  for (const name of ['onStep', 'onEpoch', 'onSaveFailed'] as const) {
    if (options[name] !== undefined) requireFunction(owner, name, options[name]);
  }
  requireTogether(owner, options);
}

function requireNumbers(owner: string, options: RunSettings & { validation?: unknown }): void {
  for (const name of ['learningRate', 'headLearningRate'] as const) {
    const value = options[name];
    if (value !== undefined) requireRanges(owner, [[name, value, value > 0, 'above 0']]);
  }
  for (const name of ['weightDecay', 'saveEvery'] as const) {
    const value = options[name];
    if (value !== undefined) requireRanges(owner, [[name, value, value >= 0, 'from 0']]);
  }
  const { layerDecay, validation } = options;
  if (layerDecay !== undefined) {
    const fits = layerDecay > 0 && layerDecay <= 1;
    requireRanges(owner, [['layerDecay', layerDecay, fits, 'in (0, 1]']]);
  }
  if (typeof validation === 'number') requireRate(owner, 'validation', validation);
}

function requireFlag(owner: string, name: string, value: unknown, expected: string): void {
  if (typeof value === 'boolean') return;
  throw new Error(`${owner}: ${name} is ${shown(value)}; expected ${expected}`);
}

function requireTogether(
  owner: string,
  { resume, saveTo, adapters, train, epochs, headEpochs }: RunSettings,
): void {
  if (resume !== undefined) requireFlag(owner, 'resume', resume, 'true or false');
  if (saveTo !== undefined && (typeof saveTo !== 'string' || saveTo === '')) {
    throw new Error(
      `${owner}: saveTo is ${shown(saveTo)}; expected a folder, or 'indexeddb://NAME' in a browser`,
    );
  }
  if (resume && saveTo === undefined) {
    throw new Error(`${owner}: resume is true without saveTo; say where the training was saved`);
  }
  if (adapters !== undefined && train !== undefined && train !== 'adapters') {
    throw new Error(
      `${owner}: adapters are given, but train is '${train}'; set train: 'adapters' or leave it out`,
    );
  }
  if (epochs !== undefined && headEpochs !== undefined && headEpochs > epochs) {
    throw new Error(`${owner}: headEpochs is ${headEpochs} of ${epochs} epochs; expected no more`);
  }
}
