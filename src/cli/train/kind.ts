/** What the command `train` asks of each kind of model that it trains. */
import type * as tfl from '@tensorflow/tfjs-layers';
import type { Command } from 'commander';

import type { SkippedExample } from '../../data/example_source';
import type { RunSettings } from '../../finetune/base/options';
import type { FineTuneResult } from '../../finetune/classifier/fine_tune';
import type { ReportContent } from '../../report/report_html';
import type { DownloadNotice } from '../base/download_notice';
import { givenOf } from '../base/options';
import type { Terminal } from '../base/terminal';
import type { TrainOptions } from './options';

/** What of a result is written, whatever was trained. */
export type TrainingResult = Pick<
  FineTuneResult,
  | 'model'
  | 'classNames'
  | 'history'
  | 'epochHistory'
  | 'steps'
  | 'seconds'
  | 'stopped'
  | 'settings'
  | 'skipped'
> & { readonly best: { readonly epoch: number } | null };

/** A run that the command wants. */
export interface TrainingRequest {
  readonly options: TrainOptions;
  /** What `options` says to every kind, where it is saved, and who is told. */
  readonly settings: RunSettings;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
}

/** How good the result is. */
export interface TrainingScores {
  /** Plain JSON; null where there were no pictures for it. */
  readonly evaluation: object | null;
  /** Of what part of the pictures it is. */
  readonly part: string;
  /** In a line; null where there is nothing to tell. */
  readonly line: string | null;
  /** What the report shows of it. */
  readonly content: () => Promise<Pick<ReportContent, 'evaluation' | 'pictures' | 'tables'>>;
}

/** A table for the report of the pictures that could not be read; none where all could. */
export function leftOutTable(
  skipped: readonly SkippedExample[],
  title = 'Left out',
): NonNullable<ReportContent['tables']> {
  if (skipped.length === 0) return [];
  return [
    {
      title,
      caption: 'Pictures that could not be read',
      header: ['picture', 'why'],
      rows: skipped.map(({ name, message }) => [name, message] as const),
    },
  ];
}

/** A model that has been trained. */
export interface Trained {
  readonly result: TrainingResult;
  /** How good the best epoch was, in words; null where that was not measured. */
  readonly best: string | null;
  /** Evaluates it on the pictures for testing, else gives what those for validation told. */
  scores(): Promise<TrainingScores>;
  /** Frees the model, and the one that it was made of. */
  dispose(): void;
}

/** Pictures that a model is to be trained on. */
export interface OpenedTraining {
  /** What the report tells of where they are, beside their folder: name and value. */
  readonly facts?: readonly (readonly [name: string, value: string])[];
  /** Chooses the model and trains it; what was made is freed where that fails. */
  train(request: TrainingRequest): Promise<Trained>;
  close(): Promise<void>;
}

/** A kind of model. */
export interface TrainingKind {
  /** Of several, as messages call them. */
  readonly name: string;
  /** The option that chooses it; null for what is trained without any. */
  readonly flag: keyof TrainOptions | null;
  /** Options that not every kind has. */
  readonly own: readonly (keyof TrainOptions)[];
  /**
   * Looks at the pictures.
   *
   * @throws {Error} when they cannot be listed or do not fit together, or options do not
   */
  open(folder: string, options: TrainOptions): Promise<OpenedTraining>;
}

/**
 * The kind that was chosen, else the one that needs no choosing.
 *
 * @param kinds of which one alone has no flag
 * @throws {Error} when two are chosen, or an option is given that another kind has
 */
export function chosenKind(
  kinds: readonly TrainingKind[],
  command: Command,
  options: TrainOptions,
): TrainingKind {
  const flagged = kinds.filter(({ flag }) => flag !== null && options[flag] !== undefined);
  if (flagged.length > 1) {
    const flags = flagged.map(({ flag }) => `--${flag}`).join(' and ');
    throw new Error(`${flags} are for different models; give one of them`);
  }
  const kind = flagged[0] ?? kinds.find(({ flag }) => flag === null);
  if (!kind) throw new Error('there is no kind of model that needs no option');
  const others = kinds.filter((other) => other !== kind);
  const foreign = others.flatMap(({ own }) => own).filter((name) => !kind.own.includes(name));
  // Of several the one that a single kind has says which was meant.
  const telling = foreign.filter(
    (name) => others.filter(({ own }) => own.includes(name)).length === 1,
  );
  const wrong = givenOf(command, telling) ?? givenOf(command, foreign);
  if (wrong === undefined) return kind;
  const owner = others.find(({ own }) =>
    own.some((name) => givenOf(command, [name]) === wrong),
  ) as TrainingKind;
  throw new Error(
    kind.flag === null
      ? `${wrong} is for ${owner.name}; add --${owner.flag}, or leave it out`
      : `${wrong} is for ${owner.name}, --${kind.flag} for ${kind.name}; leave one of them out`,
  );
}

/** The model to begin with. */
export interface ChosenModel<Model> {
  /** What `fineTune` takes, or a model that was loaded for it. */
  readonly model: Model | tfl.LayersModel;
  /** What tells of its download. */
  readonly notice?: DownloadNotice;
}

/**
 * Trains what was chosen, and says how to free it; where that fails, it has been freed.
 *
 * @param fineTune gives a model of its own, or the one that was loaded
 */
export async function trainChosen<Model, Result extends { model: tfl.LayersModel }>(
  { model, notice }: ChosenModel<Model>,
  fineTune: (model: Model | tfl.LayersModel) => Promise<Result>,
): Promise<{ result: Result; dispose: () => void }> {
  const isLoaded = typeof model === 'object' && model !== null && 'layers' in model;
  const loaded = isLoaded ? (model as tfl.LayersModel) : null;
  try {
    const result = await fineTune(model);
    const dispose = () => {
      result.model.dispose();
      if (loaded !== result.model) loaded?.dispose();
    };
    return { result, dispose };
  } catch (error) {
    loaded?.dispose();
    throw error;
  } finally {
    notice?.end();
  }
}
