/** The weights of a training by names that are the same in every process. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { type PartTree, partTree } from '../layers/base/frozen_parts';
import { withStablePaths } from '../layers/base/stable_paths';
import type { TrainingParts } from './saved_training';

/** A variable that training changes, or a weight that it does not. */
export interface KeyedVariable {
  /** Name of its tensor in the file. */
  readonly key: string;
  readonly variable: tf.Variable;
}

/** All weights of a model by their paths, in an order that does not depend on what is trained. */
function modelVariables(model: tfl.LayersModel): KeyedVariable[] {
  const keys = new Map<tf.Variable, string>();
  const taken = new Map<string, number>();
  for (const { path, weight } of weightsIn(withStablePaths(partTree(model)))) {
    const variable = weight.read() as tf.Variable;
    // A layer that stands in two places has its weights once.
    if (keys.has(variable)) continue;
    const count = taken.get(path) ?? 0;
    taken.set(path, count + 1);
    keys.set(variable, `model/${path}${count === 0 ? '' : `#${count}`}`);
  }
  return [...keys].map(([variable, key]) => ({ key, variable }));
}

function weightsIn({ weights, parts }: PartTree): PartTree['weights'] {
  return [...weights, ...parts.flatMap(weightsIn)];
}

/** The weights of the model, then the variables beside them. */
export function keyedVariables({ model, variables = [] }: TrainingParts): KeyedVariable[] {
  const own = modelVariables(model);
  const known = new Set(own.map(({ variable }) => variable));
  const others = variables.filter((variable) => !known.has(variable));
  return [...own, ...others.map((variable, i) => ({ key: `variables/${i}`, variable }))];
}

/** Names of the weights of a model that are not trained. */
export function frozenKeys(model: tfl.LayersModel, keyed: readonly KeyedVariable[]): string[] {
  const trained = new Set(model.trainableWeights.map((weight) => weight.read()));
  return keyed
    .filter(({ key, variable }) => key.startsWith('model/') && !trained.has(variable))
    .map(({ key }) => key);
}
