/** The tensors that an optimizer is saved as: its step count, moments per weight, a count per weight. */
import * as tf from '@tensorflow/tfjs-core';

import { requireInteger, show } from '../common/arguments';
import { readTensor } from '../ops/engine/lost_backend';
import type { SavedState, WeightState, WeightStates } from './weight_states';

/** A tensor with the name that it is saved under. */
export interface NamedTensor {
  name: string;
  tensor: tf.Tensor;
}

/** Name of the counts per weight, in the order of the moments. Version 0.1.0 saved none. */
const COUNTS = 'RevColAdamW/steps';

/** What was saved, checked and read. */
export interface SavedOptimizer {
  iterations: number;
  states: SavedState[];
}

/**
 * The counts as tensors that live as long as the optimizer: tfjs frees nothing of what it saves, so
 * every save would leave some behind.
 */
export class CountTensors {
  private iterations?: tf.Variable;
  private steps?: tf.Variable;

  /** Tensors of all counts and moments, for saving. */
  save(iterations: number, states: WeightStates['saved']): NamedTensor[] {
    this.iterations = written(this.iterations, [], [iterations]);
    const saved: NamedTensor[] = [{ name: 'iter', tensor: this.iterations }];
    if (states.length === 0) return saved;
    for (const { name, moments } of states) {
      saved.push({ name: `${name}/m`, tensor: moments.first });
      saved.push({ name: `${name}/v`, tensor: moments.second });
    }
    const steps = states.map((s) => s.steps);
    this.steps = written(this.steps, [steps.length], steps);
    return [...saved, { name: COUNTS, tensor: this.steps }];
  }

  /** Frees them. */
  dispose(): void {
    for (const tensor of [this.iterations, this.steps]) tensor?.dispose();
    delete this.iterations;
    delete this.steps;
  }
}

function written(old: tf.Variable | undefined, shape: number[], values: number[]): tf.Variable {
  const fits = old && !old.isDisposed && old.shape.join() === shape.join();
  return tf.tidy(() => {
    const value = tf.tensor(values, shape, 'int32');
    if (fits) old.assign(value);
    else old?.dispose();
    return fits ? old : tf.variable(value, false);
  });
}

/**
 * Reads what `CountTensors` saved, or version 0.1.0, or `tf.train.adam`. Those counted for all
 * weights together.
 *
 * @param ownSteps the live count where a tensor is an optimizer's own, not a copy
 * @throws {Error} when tensors are missing, unknown, given twice, or their shapes do not fit
 */
export async function readSaved(
  values: readonly NamedTensor[],
  ownSteps: (first: tf.Tensor) => WeightState | undefined,
): Promise<SavedOptimizer> {
  const given = new Map<string, tf.Tensor>();
  for (const { name, tensor } of values) {
    if (given.has(name)) throw new Error(`AdamW: '${name}' is given twice`);
    given.set(name, tensor);
  }
  const take = (name: string) => {
    const tensor = given.get(name);
    given.delete(name);
    return tensor;
  };
  const iterations = take('iter');
  if (!iterations) {
    throw new Error(
      `AdamW: there is no 'iter', the number of steps, among ${given.size} tensors; expected what ` +
        `getWeights() of an AdamW gave`,
    );
  }
  const counts = take(COUNTS);
  const names = [...given.keys()].filter((n) => n.endsWith('/m')).map((n) => n.slice(0, -2));
  const moments = names.map((name) => momentsOf(name, take(`${name}/m`), take(`${name}/v`)));
  for (const name of given.keys()) {
    throw new Error(
      name.endsWith('/v')
        ? `AdamW: '${name}' is given without '${name.slice(0, -2)}/m'`
        : `AdamW: '${name}' is not the state of an AdamW; expected 'iter', '.../m' and '.../v'`,
    );
  }
  if (counts && (counts.rank !== 1 || counts.size !== names.length)) {
    throw new Error(
      `AdamW: '${COUNTS}' has the shape ${show(counts.shape)}; expected a count for each of ` +
        `${names.length} weights`,
    );
  }
  const all = asCount('iter', (await readTensor(iterations))[0]);
  const each = counts ? [...(await readTensor(counts))] : names.map(() => all);
  return {
    iterations: all,
    states: moments.map((m, i) => ({
      ...m,
      steps: ownSteps(m.first)?.steps ?? asCount(`steps of ${m.name}`, each[i]),
    })),
  };
}

function momentsOf(name: string, first?: tf.Tensor, second?: tf.Tensor) {
  if (!first || !second) throw new Error(`AdamW: '${name}/m' is given without '${name}/v'`);
  if (first.shape.join() !== second.shape.join()) {
    throw new Error(
      `AdamW: '${name}/m' has the shape ${show(first.shape)} and '${name}/v' ` +
        `${show(second.shape)}; expected the weight's shape for both`,
    );
  }
  for (const { dtype } of [first, second]) {
    if (dtype !== 'float32') {
      throw new Error(`AdamW: the state of '${name}' is ${dtype}; expected float32`);
    }
  }
  return { name, first, second };
}

function asCount(what: string, value: number | undefined): number {
  requireInteger('AdamW', what, value, 0);
  return value as number;
}
