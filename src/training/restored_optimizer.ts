/** Giving an optimizer what was saved, in two steps: reading all of it, and then putting it in its place. */
import * as tf from '@tensorflow/tfjs-core';

import type { KeyedVariable } from './keyed_weights';
import { insidesOf, type OptimizerInsides } from './optimizer_insides';
import { restoreSaved } from './optimizer_tensors';
import type { NamedTensor } from './saved_states';
import { tensorFrom } from './tensor_values';
import type { TrainingFile } from './training_file';
import { NORM, ownName, savedName, type SavedWeightState, slotName } from './training_manifest';
import type { WeightState } from './weight_states';

/** What has been read for an optimizer, which is as it was. */
export interface ReadyOptimizer {
  /** Puts it in its place. */
  commit(): Promise<void>;
  /** Frees it instead. */
  dispose(): void;
}

/** Reads what was saved of an optimizer; frees it again when that fails. */
export function readOptimizer(
  file: TrainingFile,
  optimizer: tf.Optimizer,
  keyed: readonly KeyedVariable[],
): Promise<ReadyOptimizer> {
  const insides = insidesOf(optimizer);
  return insides ? readOwn(file, optimizer, insides, keyed) : readOther(file, optimizer);
}

/** An optimizer's count of steps and step size, which tfjs hides. */
interface Counters {
  iterations_: number;
  learningRate: number;
}

async function readOwn(
  file: TrainingFile,
  optimizer: tf.Optimizer,
  insides: OptimizerInsides,
  keyed: readonly KeyedVariable[],
): Promise<ReadyOptimizer> {
  const { iterations, learningRate, states: saved = [], waiting } = file.manifest.optimizer;
  const made: tf.Variable[] = [];
  const variables = new Map(keyed.map(({ key, variable }) => [key, variable]));
  const nameFor = namesBeside(saved);
  try {
    const states: WeightState[] = [];
    for (const entry of saved) {
      const { shape, steps, slots } = entry;
      const variable = entry.weight === undefined ? undefined : variables.get(entry.weight);
      const name = variable ? nameFor(variable) : entry.name;
      const state: WeightState = { name, shape: variable?.shape ?? shape, steps };
      if (variable) state.variable = variable;
      if (slots) {
        const read: [string, tf.Variable][] = [];
        for (const slot of slots) {
          const values = await file.read(slotName(entry, slot));
          const tensor = tf.tidy(() => tf.variable(tensorFrom(values), false));
          made.push(tensor);
          read.push([slot, tensor]);
        }
        state.slots = Object.fromEntries(read);
      }
      states.push(state);
    }
    const norm = file.entries.has(NORM) ? (await file.read(NORM)).values[0] : undefined;
    return {
      commit: async () => {
        const { unproven = false, fromModel = false } = waiting ?? {};
        const orphans = states.filter((_, i) => saved[i]?.orphan);
        insides.states.take({ states, unproven, fromModel, orphans });
        insides.lastNorm.restore(norm ?? null);
        const counters = optimizer as unknown as Counters;
        counters.iterations_ = iterations;
        if (learningRate !== undefined) counters.learningRate = learningRate;
      },
      dispose: () => tf.dispose(made),
    };
  } catch (error) {
    tf.dispose(made);
    throw error;
  }
}

/** Names of states of weights that are there, all different, also from those of states that wait. */
function namesBeside(saved: readonly SavedWeightState[]): (variable: tf.Variable) => string {
  const taken = new Set(saved.flatMap(({ weight, name }) => (weight === undefined ? [name] : [])));
  return (variable) => {
    let name = variable.name;
    for (let i = 1; taken.has(name); i++) name = `${variable.name}_${i}`;
    taken.add(name);
    return name;
  };
}

async function readOther(file: TrainingFile, optimizer: tf.Optimizer): Promise<ReadyOptimizer> {
  const { saved = [], own = [], learningRate } = file.manifest.optimizer;
  const made: tf.Tensor[] = [];
  const read = async (name: string, inFile: string) => {
    const tensor = tensorFrom(await file.read(inFile));
    made.push(tensor);
    return { name, tensor };
  };
  const dispose = () => tf.dispose(made);
  try {
    const state: NamedTensor[] = [];
    for (const [i, name] of saved.entries()) state.push(await read(name, savedName(i)));
    const ownState: NamedTensor[] = [];
    for (const name of own) ownState.push(await read(name, ownName(name)));
    const commit = () => restoreSaved(optimizer, { state, own: ownState, learningRate });
    return { commit, dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}
