/** The tensors that an optimizer is saved as: its step count, the state of each weight, a count for each. */
import * as tf from '@tensorflow/tfjs-core';

import { requireInteger, show } from '../common/arguments';
import { readTensor } from '../ops/engine/lost_backend';
import type { StateForm, StateLayout } from './state_layout';
import type { SavedState, Slots, WeightState, WeightStates } from './weight_states';

/** A tensor with the name that it is saved under. */
export interface NamedTensor {
  name: string;
  tensor: tf.Tensor;
}

/** Name of the counts per weight, in the order of the states. Version 0.1.0 saved none. */
const countsName = (owner: string) => `RevCol${owner}/steps`;

/** Name of the norm of the last step's gradients, saved where gradients are clipped by it. */
const normName = (owner: string) => `RevCol${owner}/norm`;

/** What was saved, checked and read. */
export interface SavedOptimizer {
  iterations: number;
  states: SavedState[];
  /** Norm of the last step's gradients; null where it is not saved. */
  norm: tf.Tensor | null;
}

/**
 * The counts as tensors that live as long as the optimizer: tfjs frees nothing of what it saves, so
 * every save would leave some behind.
 */
export class CountTensors {
  private iterations?: tf.Variable;
  private steps?: tf.Variable;

  /** @param owner the optimizer's public name */
  constructor(private readonly owner: string) {}

  /** Tensors of all counts and states, for saving. */
  save(iterations: number, states: WeightStates['saved'], norm: tf.Tensor | null): NamedTensor[] {
    this.iterations = written(this.iterations, [], [iterations]);
    const saved: NamedTensor[] = [{ name: 'iter', tensor: this.iterations }];
    if (norm) saved.push({ name: normName(this.owner), tensor: norm });
    if (states.length === 0) return saved;
    for (const { name, slots } of states) {
      for (const [suffix, tensor] of Object.entries(slots)) {
        saved.push({ name: `${name}/${suffix}`, tensor });
      }
    }
    const steps = states.map((s) => s.steps);
    this.steps = written(this.steps, [steps.length], steps);
    return [...saved, { name: countsName(this.owner), tensor: this.steps }];
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
 * Reads what `CountTensors` saved; for AdamW also what version 0.1.0 did, or `tf.train.adam`. Those
 * counted for all weights together.
 *
 * @param ownSteps the live count where a tensor is an optimizer's own, not a copy
 * @throws {Error} when tensors are missing, unknown, given twice, or their shapes do not fit
 */
export async function readSaved(
  layout: StateLayout,
  values: readonly NamedTensor[],
  ownSteps: (tensor: tf.Tensor) => WeightState | undefined,
): Promise<SavedOptimizer> {
  const { owner } = layout;
  const given = new Map<string, tf.Tensor>();
  for (const { name, tensor } of values) {
    if (given.has(name)) throw new Error(`${owner}: '${name}' is given twice`);
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
      `${owner}: there is no 'iter', the number of steps, among ${given.size} tensors; expected ` +
        `what getWeights() of ${withArticle(owner)} gave`,
    );
  }
  const counts = take(countsName(owner));
  const norm = take(normName(owner)) ?? null;
  if (norm && (norm.rank !== 0 || norm.dtype !== 'float32')) {
    throw new Error(`${owner}: '${normName(owner)}' is no float32 scalar`);
  }
  const states = bySuffix(layout, given).map(([name, slots]) => stateOf(layout, name, slots));
  if (counts && (counts.rank !== 1 || counts.size !== states.length)) {
    throw new Error(
      `${owner}: '${countsName(owner)}' has the shape ${show(counts.shape)}; expected a count for ` +
        `each of ${states.length} weights`,
    );
  }
  const asCount = (what: string, value: number | undefined): number => {
    requireInteger(owner, what, value, 0);
    return value as number;
  };
  const all = asCount('iter', (await readTensor(iterations))[0]);
  const each = counts ? [...(await readTensor(counts))] : states.map(() => all);
  return {
    iterations: all,
    norm,
    states: states.map((state, i) => ({
      ...state,
      steps:
        ownSteps(Object.values(state.slots)[0] as tf.Tensor)?.steps ??
        asCount(`steps of ${state.name}`, each[i]),
    })),
  };
}

const withArticle = (owner: string) => `${/^(?:[AEIO]|SGD)/.test(owner) ? 'an' : 'a'} ${owner}`;

/** Tensors by weight and suffix, in the order in which the weights are first named. */
function bySuffix(
  { owner, forms }: StateLayout,
  given: ReadonlyMap<string, tf.Tensor>,
): [string, Record<string, tf.Tensor>][] {
  const suffixes = new Set(forms.flatMap(({ dtypes }) => Object.keys(dtypes)));
  const found = new Map<string, Record<string, tf.Tensor>>();
  for (const [name, tensor] of given) {
    const at = name.lastIndexOf('/');
    const [weight, suffix] = [name.slice(0, at), name.slice(at + 1)];
    if (at < 0 || !suffixes.has(suffix)) {
      const expected = [...suffixes].map((s) => `'.../${s}'`);
      throw new Error(
        `${owner}: '${name}' is not the state of ${withArticle(owner)}; expected 'iter'` +
          (expected.length > 0 ? `, ${expected.join(', ')}` : '') +
          `. Another kind of optimizer, or one with other options, may have saved it`,
      );
    }
    found.set(weight, { ...found.get(weight), [suffix]: tensor });
  }
  return [...found];
}

function stateOf(
  { owner, forms }: StateLayout,
  name: string,
  slots: Readonly<Record<string, tf.Tensor>>,
): Omit<SavedState, 'steps'> {
  const suffixes = Object.keys(slots);
  const has = (form: StateForm, suffix: string) => suffix in form.dtypes;
  const form = forms.find(
    (f) => Object.keys(f.dtypes).length === suffixes.length && suffixes.every((s) => has(f, s)),
  );
  if (!form) {
    const near = forms.find((f) => suffixes.every((s) => has(f, s))) ?? (forms[0] as StateForm);
    const missing = Object.keys(near.dtypes).filter((s) => !suffixes.includes(s));
    throw new Error(
      `${owner}: ${suffixes.map((s) => `'${name}/${s}'`).join(', ')} is given without ` +
        missing.map((s) => `'${name}/${s}'`).join(', '),
    );
  }
  const ordered: Slots<tf.Tensor> = Object.fromEntries(
    Object.keys(form.dtypes).map((s) => [s, slots[s] as tf.Tensor]),
  );
  const shape = form.weightShape(ordered);
  if (!shape) {
    const shapes = Object.entries(ordered).map(([s, t]) => `'${name}/${s}' has ${show(t.shape)}`);
    throw new Error(
      `${owner}: shapes do not fit each other: ${shapes.join(', ')}; expected the weight's shape ` +
        `to be one and the same for all`,
    );
  }
  for (const [suffix, dtype] of Object.entries(form.dtypes)) {
    const own = ordered[suffix] as tf.Tensor;
    if (own.dtype === dtype) continue;
    throw new Error(`${owner}: the state of '${name}' is ${own.dtype}; expected ${dtype}`);
  }
  return { name, slots: ordered, shape };
}
