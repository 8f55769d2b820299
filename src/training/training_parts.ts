/** The parts of a training as they are given. */
import * as tf from '@tensorflow/tfjs-core';

import { adaptersOf, requireAdapters } from '../adapters/adapter_set';
import { requireArgument, requireList, requireModel } from '../common/arguments';
import type { Ema } from './ema';
import type { SavesWeights, TrainingParts } from './saved_training';
import type { EmaConfig } from './training_manifest';

/**
 * Asserts the parts of a training.
 *
 * @throws {Error} for the first that is none, when adapters are merged, or averages applied
 */
export function requireParts(
  owner: string,
  { model, optimizer, ema, variables }: TrainingParts,
): void {
  requireModel(owner, model);
  requireOptimizer(owner, optimizer);
  if (ema != null) requireEma(owner, ema);
  if (variables != null) requireVariables(owner, variables);
  if (adaptersOf(model)) requireAdapters(owner, model);
}

/** Asserts an optimizer that may be one that can be saved. */
export function requireOptimizer(owner: string, optimizer: unknown): void {
  const fits = savesWeights(optimizer);
  requireArgument(owner, 'optimizer', optimizer, fits, 'a tf.Optimizer, such as AdamW');
}

/** Asserts averages that can be saved. */
export function requireEma(owner: string, ema: unknown): void {
  const expected = 'what has getWeights and setWeights, as Ema does';
  requireArgument(owner, 'ema', ema, savesWeights(ema), expected);
  if ((ema as Partial<Ema>).applied !== true) return;
  throw new Error(
    `${owner}: the model has the averaged weights of ema, not its own; call ema.restore() first`,
  );
}

/** What averages were made with, where they say so. */
export function emaConfig(ema: SavesWeights): EmaConfig {
  const { decay, warmup } = ema as Partial<Ema>;
  return {
    ...(typeof decay === 'number' ? { decay } : {}),
    ...(typeof warmup === 'boolean' ? { warmup } : {}),
  };
}

function savesWeights(value: unknown): boolean {
  const { getWeights, setWeights } = (value ?? {}) as Partial<SavesWeights>;
  return typeof getWeights === 'function' && typeof setWeights === 'function';
}

/** Asserts a list of variables, each of which is there. */
export function requireVariables(owner: string, variables: unknown): void {
  requireList(owner, 'variables', variables, 'variables');
  (variables as unknown[]).forEach((variable, i) => {
    const fits = variable instanceof tf.Variable && !variable.isDisposed;
    const expected = 'a tf.Variable that is not disposed, such as tf.variable(...) makes';
    requireArgument(owner, `variables[${i}]`, variable, fits, expected);
  });
}
