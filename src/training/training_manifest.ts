/** What a file of saved training says of its tensors, as JSON, and what they are called. */

/** What is kept for a weight by one of this package's optimizers. */
export interface SavedWeightState {
  /** Name of the weight in the file; not there while the state waits for its weight. */
  weight?: string;
  /** Name that the optimizer saves it under. */
  name: string;
  shape: readonly number[];
  steps: number;
  /** What the names of its tensors end with; not there before the first update. */
  slots?: readonly string[];
  /** Whether its weight is gone. */
  orphan?: true;
}

/** An optimizer. */
export interface OptimizerManifest {
  className: string;
  config: Record<string, unknown>;
  iterations: number;
  learningRate?: number;
  /** Seed of its steps; not there where they draw from `Math.random`. */
  seed?: number;
  /** Of this package's optimizers: what is kept for each weight, in order. */
  states?: readonly SavedWeightState[];
  /** Whether states wait that no step has found weights for, and a saved model brought them. */
  waiting?: { unproven: boolean; fromModel: boolean };
  /** Of this package's optimizers: factor of the learning rate, and decay, of each weight by its name. */
  groups?: Readonly<Record<string, readonly [rateScale: number, decay: number]>>;
  /** Of others: names of the tensors that they save, in order, and of those that they have besides. */
  saved?: readonly string[];
  own?: readonly string[];
}

/** What averages of weights were made with, where they say so. */
export interface EmaConfig {
  decay?: number;
  warmup?: boolean;
}

/** All of it. */
export interface Manifest {
  step: number;
  /** Not there where none was given. */
  extra?: unknown;
  model: {
    name: string;
    /** Names of the weights that are not trained. */
    frozen: readonly string[];
    adapters?: { rank: number; alpha: number };
  };
  optimizer: OptimizerManifest;
  /** Of averages: names of their tensors, in order, and what they were made with. Not there without. */
  ema?: { names: readonly string[]; config: EmaConfig };
}

/** Name of the tensor with the norm of the last step's gradients. */
export const NORM = 'optimizer/norm';

/** Name of a tensor that is kept for a weight. */
export function slotName({ weight, name }: SavedWeightState, slot: string): string {
  return `optimizer/${weight ?? `waiting/${name}`}/${slot}`;
}

/** Name of the i-th tensor that an optimizer of others saves, and of one that it has besides. */
export const savedName = (i: number): string => `optimizer/saved/${i}`;
export const ownName = (property: string): string => `optimizer/own/${property}`;

/** Name of the i-th tensor of the averages. */
export const emaName = (i: number): string => `ema/${i}`;
