/** AdamW: Adam with decoupled weight decay and parameter groups. */
import * as tf from '@tensorflow/tfjs-core';

import { show } from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import { requireFullPrecision } from '../ops/engine/precision';
import {
  type CompiledGroup,
  type ParameterGroup,
  settingsOf,
  toGroups,
  type WeightSettings,
} from './parameter_groups';
import { assertGroupsFit, groupsFromConfig, groupsToConfig } from './saved_groups';
import { CountTensors, type NamedTensor, readSaved } from './saved_states';
import { unnumbered } from './weight_names';
import { type WeightState, WeightStates } from './weight_states';

/** Arguments of `AdamW`. */
export interface AdamWArgs {
  /** Step size, above or equal to 0. Default 1e-3. */
  learningRate?: number;
  /** Decay of the mean of gradients, in [0, 1). Default 0.9. */
  beta1?: number;
  /** Decay of the mean of squared gradients, in [0, 1). Default 0.999. */
  beta2?: number;
  /** Added to the root of the squares. Default 1e-8. */
  epsilon?: number;
  /** Share of a weight that is taken off per step and unit of learning rate. Default 0.01. */
  weightDecay?: number;
  /** Exceptions by name; the first that fits a variable counts. Default none. */
  groups?: ParameterGroup[];
}

const ADAMW_OPTIONS: OptionNames<AdamWArgs> = {
  learningRate: true,
  beta1: true,
  beta2: true,
  epsilon: true,
  weightDecay: true,
  groups: true,
};

/** A gradient, of a variable that has one. */
interface Update {
  variable: tf.Variable;
  gradient: tf.Tensor;
}

/**
 * Adam with decoupled weight decay (Loshchilov and Hutter 2019, arXiv 1711.05101), computed as in
 * PyTorch's `AdamW`. Biases and variables with one axis (LayerNorm, alphas, layer scales) do not
 * decay, unless a group says so. `learningRate` may be set at any time.
 *
 * Moments and steps are each weight's own: one that joins later (unfrozen) begins at its first step.
 * A variable without a gradient does not change. Saved with its model and loaded again, training
 * goes on exactly. State finds its weight by name, less the number that tfjs adds to names, and,
 * where the names are others, by position, as in tfjs's own optimizers. When all weights have been
 * disposed of, their state goes on with the next ones that it fits.
 *
 * A step works weight by weight. `tf.train.adam` keeps its temporaries of all weights until the step's
 * end, some five times the weights and moments.
 *
 * @throws {Error} when an argument is out of range
 */
export class AdamW extends tf.Optimizer {
  static className = 'RevColAdamW';

  learningRate: number;
  private readonly args: Required<AdamWArgs>;
  private readonly groups: CompiledGroup[];
  private readonly settings = new WeakMap<tf.Variable, WeightSettings>();
  private readonly states = new WeightStates();
  private readonly counts = new CountTensors();
  /** Whether a saved model made it. */
  private loaded = false;
  /** Groups whose expressions tfjs may have rewritten, until they are known to fit. */
  private rewritten: readonly number[] = [];

  constructor(args: AdamWArgs = {}) {
    super();
    // A subclass may have options of its own.
    if (new.target === AdamW) {
      // tfjs adds the last when it reads a saved model.
      requireOptions('AdamW', args, { ...ADAMW_OPTIONS, customObjects: true });
    }
    this.args = {
      learningRate: args.learningRate ?? 1e-3,
      beta1: args.beta1 ?? 0.9,
      beta2: args.beta2 ?? 0.999,
      epsilon: args.epsilon ?? 1e-8,
      weightDecay: args.weightDecay ?? 0.01,
      groups: (args.groups ?? []).map((group) => ({ ...group })),
    };
    const { learningRate, beta1, beta2, epsilon, weightDecay } = this.args;
    const ranges: [string, number, boolean, string][] = [
      ['learningRate', learningRate, learningRate >= 0, 'from 0'],
      ['beta1', beta1, beta1 >= 0 && beta1 < 1, 'in [0, 1)'],
      ['beta2', beta2, beta2 >= 0 && beta2 < 1, 'in [0, 1)'],
      ['epsilon', epsilon, epsilon > 0, 'above 0'],
      ['weightDecay', weightDecay, weightDecay >= 0, 'from 0'],
    ];
    for (const [name, value, fits, range] of ranges) {
      if (fits && Number.isFinite(value)) continue;
      throw new Error(`AdamW: ${name} is ${value}; expected a number ${range}`);
    }
    this.groups = toGroups(this.args.groups);
    this.learningRate = learningRate;
  }

  /**
   * Takes a step. Gradients of one model come in the order of its weights; null means none.
   *
   * @throws {Error} when a variable is unknown, a gradient does not fit it, `learningRate` is out of
   * range, restored state fits no weight, or webgl has 16-bit textures; then nothing has changed
   */
  override applyGradients(
    gradients: tf.NamedTensorMap | { name: string; tensor: tf.Tensor | null | undefined }[],
  ): void {
    requireFullPrecision('AdamW: a step');
    const updates = toUpdates(gradients);
    if (!(this.learningRate >= 0 && Number.isFinite(this.learningRate))) {
      throw new Error(
        `AdamW: learningRate is ${this.learningRate}; expected a number from 0, also when it is set`,
      );
    }
    if (this.rewritten.length > 0 && updates.length > 0) {
      const names = [...Object.keys(tf.engine().registeredVariables), ...this.states.names];
      assertGroupsFit(this.groups, this.rewritten, [...names, ...names.map(unnumbered)]);
      this.rewritten = [];
    }
    const states = this.states.of(updates.map(({ variable }) => variable));
    updates.forEach((update, i) => this.update(update, states[i] as WeightState));
    this.incrementIterations();
  }

  /** All or nothing: what can fail comes before what changes. */
  private update({ variable, gradient }: Update, state: WeightState): void {
    const { beta1, beta2, epsilon } = this.args;
    const { rateScale, decay } = this.settingsFor(variable, state);
    const rate = this.learningRate * rateScale;
    const kept = 1 - rate * decay;
    const steps = state.steps + 1;
    const correction1 = 1 - beta1 ** steps;
    const correction2 = Math.sqrt(1 - beta2 ** steps);
    const { moments } = state;
    tf.tidy(() => {
      let m = tf.mul(gradient, 1 - beta1);
      let v = tf.mul(tf.square(gradient), 1 - beta2);
      if (moments) {
        m = tf.add(tf.mul(moments.first, beta1), m);
        v = tf.add(tf.mul(moments.second, beta2), v);
      }
      // m / correction1 / (sqrt(v) / correction2 + epsilon), with the constants taken together.
      const root = tf.add(tf.sqrt(v), epsilon * correction2);
      const change = tf.mul(tf.div(m, root), (rate * correction2) / correction1);
      const value = tf.sub(kept === 1 ? variable : tf.mul(variable, kept), change);
      if (moments) {
        moments.first.assign(m);
        moments.second.assign(v);
      } else {
        state.moments = { first: tf.variable(m, false), second: tf.variable(v, false) };
      }
      variable.assign(value);
      state.steps = steps;
    });
  }

  private settingsFor(variable: tf.Variable, { name }: WeightState): WeightSettings {
    const known = this.settings.get(variable);
    if (known) return known;
    const settings = settingsOf(this.groups, variable, name, this.args.weightDecay);
    this.settings.set(variable, settings);
    return settings;
  }

  /** Frees the moments. */
  override dispose(): void {
    this.states.dispose();
    this.counts.dispose();
  }

  /**
   * Number of steps, then two moments per weight, in the order of the model and named after it, then
   * the steps of each. These are the optimizer's own tensors, which change as it goes on: clone
   * them to come back to them later, and leave it to `dispose` to free them.
   */
  override async getWeights(): Promise<NamedTensor[]> {
    return this.counts.save(this.iterations, this.states.saved);
  }

  /**
   * Goes on from what `getWeights` gave, of this optimizer or another one. The tensors are copied.
   * What cannot be state is refused here; state that fits no weight, in the next step.
   *
   * @throws {Error} when tensors are missing, unknown, given twice, or their shapes do not fit each
   * other; then nothing has changed
   */
  override async setWeights(weightValues: NamedTensor[]): Promise<void> {
    const { iterations, states } = await readSaved(weightValues, (first) =>
      this.states.saved.find(({ moments }) => moments.first === first),
    );
    this.states.restore(states, this.loaded);
    this.iterations_ = iterations;
  }

  override getConfig(): tf.serialization.ConfigDict {
    const { groups, ...rest } = this.args;
    return { ...rest, learningRate: this.learningRate, groups: groupsToConfig(groups) };
  }

  static override fromConfig<T extends tf.serialization.Serializable>(
    cls: tf.serialization.SerializableConstructor<T>,
    config: tf.serialization.ConfigDict,
  ): T {
    const { groups, rewritten } = groupsFromConfig(config['groups']);
    const optimizer = new cls({ ...config, groups });
    if (optimizer instanceof AdamW) {
      optimizer.loaded = true;
      optimizer.rewritten = rewritten;
    }
    return optimizer;
  }
}

/**
 * Gradients with the variables that they belong to, checked.
 *
 * @throws {Error} when a name is unknown, or a gradient's shape or dtype is not its variable's
 */
function toUpdates(
  gradients: tf.NamedTensorMap | { name: string; tensor: tf.Tensor | null | undefined }[],
): Update[] {
  const list = Array.isArray(gradients)
    ? gradients
    : Object.entries(gradients).map(([name, tensor]) => ({ name, tensor }));
  const given = new Map<string, tf.Tensor>();
  return list.flatMap(({ name, tensor: gradient }) => {
    if (!gradient) return [];
    const variable = tf.engine().registeredVariables[name];
    if (!variable) throw new Error(`AdamW: there is no variable named '${name}'`);
    // A layer that is shared may list its weights twice.
    if (given.get(name) === gradient) return [];
    if (given.has(name)) throw new Error(`AdamW: '${name}' is given two gradients; expected one`);
    given.set(name, gradient);
    if (gradient.shape.join() !== variable.shape.join() || gradient.dtype !== 'float32') {
      throw new Error(
        `AdamW: the gradient of '${name}' is ${gradient.dtype} ${show(gradient.shape)}; expected ` +
          `float32 ${show(variable.shape)}`,
      );
    }
    return [{ variable, gradient }];
  });
}
