/** What `inspect` says of a training that was saved, by `saveTraining` or in the folder of `train`. */
import type { Manifest } from '../training/training_manifest';
import type { Checkpoint } from '../weights/checkpoint';
import { bytesText, few, millionsText } from './base/text';

/** Tensors of one kind. */
interface Part {
  readonly tensors: number;
  /** Numbers in them. */
  readonly values: number;
  readonly bytes: number;
}

/** What is in it. */
export interface TrainingFacts {
  /** Steps that were taken. */
  readonly step: number;
  /** All weights of the model, and the numbers in them that were not trained. */
  readonly model: Part & { readonly name: string; readonly frozen: number };
  readonly adapters: { readonly rank: number; readonly alpha: number } | null;
  /** What it is, what it was made with, and what it keeps for the weights. */
  readonly optimizer: Part & {
    readonly className: string;
    readonly config: Readonly<Record<string, unknown>>;
    readonly iterations: number;
    readonly learningRate: number | null;
  };
  /** Averages of the weights. */
  readonly averages: Part | null;
  /** Variables beside the model's weights. */
  readonly variables: Part | null;
  /** What the program saved with it. */
  readonly extra: unknown;
}

/** The facts of a saved training. */
export function trainingFacts(manifest: Manifest, { entries }: Checkpoint): TrainingFacts {
  const part = (fits: (name: string) => boolean): Part => {
    const own = [...entries].filter(([name]) => fits(name)).map(([, entry]) => entry);
    return {
      tensors: own.length,
      values: own.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0),
      bytes: own.reduce((sum, { bytes }) => sum + bytes, 0),
    };
  };
  const below = (folder: string) => part((name) => name.startsWith(folder));
  const { model, optimizer, ema, step, extra } = manifest;
  const frozen = new Set(model.frozen);
  const variables = below('variables/');
  return {
    step,
    model: {
      name: model.name,
      ...below('model/'),
      frozen: part((name) => frozen.has(name)).values,
    },
    adapters: model.adapters ?? null,
    optimizer: {
      className: optimizer.className,
      config: optimizer.config,
      iterations: optimizer.iterations,
      learningRate: optimizer.learningRate ?? null,
      ...below('optimizer/'),
    },
    averages: ema ? below('ema/') : null,
    variables: variables.tensors > 0 ? variables : null,
    extra: extra ?? null,
  };
}

/** `30.5 M`; small numbers as they are. */
function countText(count: number): string | undefined {
  return count < 1e5 ? String(count) : millionsText(count);
}

/** The same in lines. */
export function trainingLines(facts: TrainingFacts): string[] {
  const { step, model, adapters, optimizer, averages, variables, extra } = facts;
  const sizes = ({ tensors, values, bytes }: Part) =>
    `${tensors} tensors, ${countText(values)} values, ${bytesText(bytes)}`;
  const rate = optimizer.learningRate;
  const isObject = typeof extra === 'object' && extra !== null && !Array.isArray(extra);
  return [
    `training: saved after ${step} steps; loadTraining goes on with it`,
    `model:    ${model.name}: ${sizes(model)}` +
      (model.frozen > 0 ? `, ${countText(model.frozen)} values not trained` : '') +
      (adapters ? `, adapters of rank ${adapters.rank}` : ''),
    `optimizer: ${optimizer.className.replace(/^RevCol/, '')}, ${optimizer.iterations} updates` +
      (rate === null ? '' : `, learning rate ${Number(rate.toPrecision(4))}`) +
      `: ${sizes(optimizer)}`,
    ...(averages ? [`averages: ${sizes(averages)}`] : []),
    ...(variables ? [`variables: ${sizes(variables)}`] : []),
    ...(extra === null ? [] : [`also has: ${isObject ? few(Object.keys(extra)) : typeof extra}`]),
    ...runLines(extra),
  ];
}

/** Of a run of `fineTune`, or of `train`: how far it is. */
function runLines(extra: unknown): string[] {
  const { settings, progress } = (extra ?? {}) as { settings?: unknown; progress?: unknown };
  const { epochs, classNames } = (settings ?? {}) as Readonly<Record<string, unknown>>;
  const { epoch, stopped } = (progress ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof epoch !== 'number' || typeof epochs !== 'number') return [];
  const end = typeof stopped === 'string' ? 'come to its end' : 'not at its end';
  const classes = Array.isArray(classNames)
    ? `, ${classNames.length} classes: ${few(classNames.map(String))}`
    : '';
  return [`run:      ${epoch} of ${epochs} epochs, ${end}${classes}`];
}
