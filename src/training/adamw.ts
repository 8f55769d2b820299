import * as tf from '@tensorflow/tfjs-core';

import {
  type CompiledGroup,
  decayOf,
  type ParameterGroup,
  rateScaleOf,
  toGroups,
} from './parameter_groups';

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

interface NamedTensor {
  name: string;
  tensor: tf.Tensor;
}

interface Moments {
  first: tf.Variable;
  second: tf.Variable;
}

/**
 * Adam with decoupled weight decay (Loshchilov and Hutter 2019, arXiv 1711.05101), computed as in
 * PyTorch's `AdamW`. Biases and variables with one axis (LayerNorm, alphas, layer scales) do not
 * decay, unless a group says so. `learningRate` may be set at any time.
 *
 * tfjs's Adam has neither decay nor groups, and finds its moments by position, so that it may not be
 * given other variables from step to step; these are found by name.
 *
 * @throws when an argument is out of range
 */
export class AdamW extends tf.Optimizer {
  static className = 'RevColAdamW';

  learningRate: number;
  private readonly args: Required<AdamWArgs>;
  private readonly groups: CompiledGroup[];
  private readonly moments = new Map<string, Moments>();
  private steps = 0;

  constructor(args: AdamWArgs = {}) {
    super();
    this.args = {
      learningRate: args.learningRate ?? 1e-3,
      beta1: args.beta1 ?? 0.9,
      beta2: args.beta2 ?? 0.999,
      epsilon: args.epsilon ?? 1e-8,
      weightDecay: args.weightDecay ?? 0.01,
      groups: args.groups ?? [],
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
      if (!fits) throw new Error(`AdamW: ${name} is ${value}; expected a number ${range}`);
    }
    this.groups = toGroups(this.args.groups);
    this.learningRate = learningRate;
  }

  override applyGradients(
    gradients: tf.NamedTensorMap | { name: string; tensor: tf.Tensor | null | undefined }[],
  ): void {
    const list = Array.isArray(gradients)
      ? gradients
      : Object.entries(gradients).map(([name, tensor]) => ({ name, tensor }));
    this.steps++;
    for (const { name, tensor } of list) if (tensor) this.update(name, tensor);
    this.incrementIterations();
  }

  private update(name: string, gradient: tf.Tensor): void {
    const variable = tf.engine().registeredVariables[name];
    if (!variable) throw new Error(`AdamW: there is no variable named '${name}'`);
    const { first, second } = this.momentsOf(variable);
    const { beta1, beta2, epsilon, weightDecay } = this.args;
    const rate = this.learningRate * rateScaleOf(this.groups, name);
    const kept = 1 - rate * decayOf(this.groups, variable, weightDecay);
    const correction1 = 1 - beta1 ** this.steps;
    const correction2 = Math.sqrt(1 - beta2 ** this.steps);
    tf.tidy(() => {
      const m = tf.add(tf.mul(first, beta1), tf.mul(gradient, 1 - beta1));
      const v = tf.add(tf.mul(second, beta2), tf.mul(tf.square(gradient), 1 - beta2));
      first.assign(m);
      second.assign(v);
      // m / correction1 / (sqrt(v) / correction2 + epsilon), with the constants taken together.
      const root = tf.add(tf.sqrt(v), epsilon * correction2);
      const change = tf.mul(tf.div(m, root), (rate * correction2) / correction1);
      variable.assign(tf.sub(kept === 1 ? variable : tf.mul(variable, kept), change));
    });
  }

  private momentsOf(variable: tf.Variable): Moments {
    const known = this.moments.get(variable.name);
    if (known) return known;
    const zeros = () =>
      tf.tidy(() => tf.variable(tf.zerosLike(variable), false, undefined, 'float32'));
    const moments = { first: zeros(), second: zeros() };
    this.moments.set(variable.name, moments);
    return moments;
  }

  /** Frees the moments. */
  override dispose(): void {
    for (const { first, second } of this.moments.values()) tf.dispose([first, second]);
    this.moments.clear();
  }

  /** Number of steps, then two moments per variable, named after it. */
  override async getWeights(): Promise<NamedTensor[]> {
    const moments = [...this.moments].flatMap(([name, { first, second }]) => [
      { name: `${name}/m`, tensor: first },
      { name: `${name}/v`, tensor: second },
    ]);
    return [await this.saveIterations(), ...moments];
  }

  /** Takes what `getWeights` of such an optimizer for variables of these names gave. */
  override async setWeights(weightValues: NamedTensor[]): Promise<void> {
    const values = new Map(weightValues.map(({ name, tensor }) => [name, tensor]));
    const rest = await this.extractIterations(weightValues);
    this.dispose();
    this.steps = this.iterations;
    for (const { name, tensor } of rest) {
      if (!name.endsWith('/m')) continue;
      const variable = name.slice(0, -2);
      const second = values.get(`${variable}/v`);
      if (!second) throw new Error(`AdamW: '${name}' is given without '${variable}/v'`);
      const copy = (t: tf.Tensor) => tf.tidy(() => tf.variable(tf.clone(t), false));
      this.moments.set(variable, { first: copy(tensor), second: copy(second) });
    }
  }

  override getConfig(): tf.serialization.ConfigDict {
    const { groups, ...rest } = this.args;
    return {
      ...rest,
      learningRate: this.learningRate,
      groups: groups.map((g) => ({ ...g })) as unknown as tf.serialization.ConfigDictArray,
    };
  }

  static override fromConfig<T extends tf.serialization.Serializable>(
    cls: tf.serialization.SerializableConstructor<T>,
    config: tf.serialization.ConfigDict,
  ): T {
    return new cls(config);
  }
}

// Rooms below know nothing of optimizers, so the class is registered here: saved models load with it.
tf.serialization.registerClass(AdamW, 'tfjs-revcol');
