/** The part of saved training that is the optimizer's: what it keeps, and what it was made with. */
import * as tf from '@tensorflow/tfjs-core';

import { CheckpointError } from '../weights/errors';
import type { TensorToWrite } from '../weights/safetensors/writer';
import type { KeyedVariable } from './keyed_weights';
import { insidesOf, type OptimizerInsides } from './optimizer_insides';
import { learningRateOf, ownTensors, withSaved } from './optimizer_tensors';
import { settingsOf, toGroups } from './parameter_groups';
import { groupsFromConfig } from './saved_groups';
import { seedOf } from './seed_training';
import { toWrite } from './tensor_values';
import {
  NORM,
  type OptimizerManifest,
  ownName,
  savedName,
  type SavedWeightState,
  slotName,
} from './training_manifest';

/** What there is to save of an optimizer. */
export interface OptimizerPart {
  manifest: OptimizerManifest;
  tensors: TensorToWrite[];
}

/**
 * What there is to save of an optimizer, for as long as `use` takes.
 *
 * @throws {CheckpointError} 'unsupported' when it cannot be saved; 'mismatch' when it keeps something for a
 *   variable that is not saved with it
 */
export async function withOptimizerPart<T>(
  optimizer: tf.Optimizer,
  keyed: readonly KeyedVariable[],
  use: (part: OptimizerPart) => Promise<T>,
): Promise<T> {
  const insides = insidesOf(optimizer);
  const common: OptimizerManifest = {
    className: optimizer.getClassName(),
    config: plainConfig(optimizer),
    iterations: optimizer.iterations,
    learningRate: learningRateOf(optimizer),
    seed: seedOf(optimizer),
  };
  if (insides) return use(ownPart(common, insides, optimizer, keyed));
  return withSaved(saving(optimizer), (saved) => {
    const own = ownTensors(optimizer);
    return use({
      manifest: { ...common, saved: saved.map((s) => s.name), own: own.map((o) => o.name) },
      tensors: [
        ...saved.map(({ tensor }, i) => toWrite(savedName(i), tensor)),
        ...own.map(({ name, tensor }) => toWrite(ownName(name), tensor)),
      ],
    });
  });
}

/** The optimizer, with an error that says what to do where it cannot be saved. */
function saving(optimizer: tf.Optimizer): Pick<tf.Optimizer, 'getWeights'> {
  return {
    getWeights: () =>
      optimizer.getWeights().catch((cause: unknown) => {
        throw new CheckpointError(
          'unsupported',
          `saveTraining: optimizer ${optimizer.getClassName()} cannot be saved (${String(cause)}); expected ` +
            `one that can, such as AdamW or tf.train.adam`,
          { cause },
        );
      }),
  };
}

/** What the optimizer was made with, as JSON keeps it. */
export function plainConfig(optimizer: tf.Optimizer): Record<string, unknown> {
  return JSON.parse(JSON.stringify(optimizer.getConfig())) as Record<string, unknown>;
}

function ownPart(
  common: OptimizerManifest,
  { states, lastNorm }: OptimizerInsides,
  optimizer: tf.Optimizer,
  keyed: readonly KeyedVariable[],
): OptimizerPart {
  const { unproven, fromModel, orphans, states: all } = states.whole;
  const keys = new Map(keyed.map(({ key, variable }) => [variable, key]));
  const tensors: TensorToWrite[] = [];
  const saved = all.map((state): SavedWeightState => {
    const { name, shape, steps, slots } = state;
    const orphan = orphans.includes(state);
    const weight = orphan || !state.variable ? undefined : keys.get(state.variable);
    if (state.variable && !orphan && weight === undefined) throw stranger(common.className, name);
    const entry: SavedWeightState = {
      ...(weight === undefined ? {} : { weight }),
      ...{ name, shape, steps },
      ...(slots ? { slots: Object.keys(slots) } : {}),
      ...(orphan ? { orphan: true } : {}),
    };
    for (const [slot, tensor] of Object.entries(slots ?? {})) {
      tensors.push(toWrite(slotName(entry, slot), tensor));
    }
    return entry;
  });
  if (lastNorm.value) tensors.push(toWrite(NORM, lastNorm.value));
  const groups = groupEffects(optimizer, keyed);
  return {
    manifest: { ...common, states: saved, waiting: { unproven, fromModel }, groups },
    tensors,
  };
}

function stranger(className: string, name: string): CheckpointError {
  return new CheckpointError(
    'mismatch',
    `saveTraining: ${className} keeps state for the variable ${name}, which is no weight of the model; pass ` +
      `it in variables, or dispose of it if it is not trained any more`,
  );
}

/**
 * What the parameter groups of one of this package's optimizers come to for each weight: their expressions
 * may hold numbers that tfjs gives to names, others in each process.
 */
export function groupEffects(
  optimizer: tf.Optimizer,
  keyed: readonly KeyedVariable[],
): Record<string, readonly [rateScale: number, decay: number]> {
  const { groups, weightDecay } = optimizer.getConfig();
  const compiled = toGroups(groupsFromConfig(groups).groups);
  return Object.fromEntries(
    keyed.map(({ key, variable }) => {
      const effect = settingsOf(compiled, variable, variable.name, (weightDecay ?? 0) as number);
      return [key, [effect.rateScale, effect.decay]];
    }),
  );
}
