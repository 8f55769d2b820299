/** The exponential moving average of a model's weights. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import {
  requireArgument,
  requireInteger,
  requireList,
  requireModel,
  requireRate,
  show,
} from '../common/arguments';
import { type OptionNames, requireOptions } from '../common/options';
import { readTensor } from '../ops/engine/lost_backend';
import { keptValue } from '../ops/engine/writes';
import { FitCallback } from './fit_callback';
import { distinctVariables } from './model_variables';
import type { NamedTensor } from './saved_states';

const OWNER = 'Ema';
const COUNT = 'RevColEma/updates';

/** Options of `Ema`. */
export interface EmaOptions {
  /** Share of the average that an update keeps, in [0, 1). Default 0.9999, as published. */
  decay?: number;
  /**
   * Whether the decay rises with the number `n` of earlier updates, `min(decay, (1 + n) / (10 + n))`, as
   * in TensorFlow's `ExponentialMovingAverage`, so that the first, bad weights are soon forgotten.
   * Default false.
   */
  warmup?: boolean;
}

const OPTIONS: OptionNames<EmaOptions> = { decay: true, warmup: true };

/**
 * The exponential moving average of all weights of a model (Polyak and Juditsky 1992; as
 * `timm.utils.ModelEma`): `average += (1 - decay) * (weight - average)` at each `update`, from the
 * weights at construction on. As timm does, it averages what is not trained as well, such as the moving
 * statistics of batch normalization; weights that are no float32 are copied. It takes one more copy of
 * the weights, in their order, and works with any optimizer, fused ones too.
 *
 * @example
 * const ema = new Ema(model, { decay: 0.9999 });
 * for (const [x, y] of batches) {
 *   trainingStep(model, optimizer, x, (logits) => softmaxCrossEntropy(y, logits)).dispose();
 *   ema.update();
 * }
 * ema.apply(); // the model has the averaged weights now
 * const accuracy = evaluate(model);
 * ema.restore(); // and its own again
 * ema.dispose();
 */
export class Ema {
  /** Share of the average that an update keeps in the end. */
  readonly decay: number;
  /** Whether the decay rises with the number of updates. */
  readonly warmup: boolean;
  private readonly names: string[];
  private readonly variables: tf.Variable[];
  /** The averages; the model's own weights while it has the averages. */
  private readonly kept: tf.Variable[] = [];
  private count = 0;
  private countTensor?: tf.Variable;
  private isApplied = false;

  /**
   * @param model any model of layers, built. One that gets other weights later needs a new average
   * @throws {Error} when the model has no weights, or an option is out of range
   */
  constructor(model: tfl.LayersModel, options: EmaOptions = {}) {
    requireOptions(OWNER, options, OPTIONS);
    requireModel(OWNER, model);
    const { decay = 0.9999, warmup = false } = options;
    requireRate(OWNER, 'decay', decay);
    requireArgument(OWNER, 'warmup', warmup, typeof warmup === 'boolean', 'true or false');
    if (model.weights.length === 0) {
      throw new Error(`${OWNER}: ${model.name} has no weights; build it first`);
    }
    this.decay = decay;
    this.warmup = warmup;
    const names = new Map(model.weights.map((w) => [w.read() as tf.Variable, w.originalName]));
    this.names = [...names.values()];
    this.variables = [...names.keys()];
    for (const variable of this.variables) this.kept.push(sharing(variable));
  }

  /** Number of updates so far. */
  get updates(): number {
    return this.count;
  }

  /** Whether the model has the averaged weights now. */
  get applied(): boolean {
    return this.isApplied;
  }

  /**
   * Brings the present weights into the average; to be called after each step of the optimizer.
   *
   * @throws {Error} when the averages are applied, or the average or the model has been disposed of
   */
  update(): void {
    this.requireAlive('update');
    if (this.isApplied) {
      throw new Error(
        `${OWNER}: update while the model has the averaged weights; call restore() first`,
      );
    }
    const { count, decay } = this;
    const kept = this.warmup ? Math.min(decay, (1 + count) / (10 + count)) : decay;
    this.variables.forEach((variable, i) => {
      const average = this.kept[i] as tf.Variable;
      tf.tidy(() => {
        if (variable.dtype !== 'float32') average.assign(tf.reshape(variable, variable.shape));
        else average.assign(tf.add(average, tf.mul(tf.sub(variable, average), 1 - kept)));
      });
    });
    this.count++;
  }

  /**
   * Gives the model the averaged weights. Its own are kept, to the bit, until `restore`.
   *
   * @throws {Error} when they are applied already, or the average or the model has been disposed of
   */
  apply(): void {
    this.requireAlive('apply');
    if (this.isApplied) {
      throw new Error(`${OWNER}: apply twice; call restore() before`);
    }
    this.swap();
    this.isApplied = true;
  }

  /**
   * Gives the model its own weights again, to the bit.
   *
   * @throws {Error} when the averages are not applied, or the average or the model has been disposed of
   */
  restore(): void {
    this.requireAlive('restore');
    if (!this.isApplied) {
      throw new Error(`${OWNER}: restore, but the model has its own weights; call apply() before`);
    }
    this.swap();
    this.isApplied = false;
  }

  private swap(): void {
    this.variables.forEach((variable, i) => {
      const other = this.kept[i] as tf.Variable;
      const [mine, its] = [keptValue(variable), keptValue(other)];
      variable.assign(its);
      other.assign(mine);
      tf.dispose([mine, its]);
    });
  }

  /**
   * Number of updates, then the average of each weight, in the order of the model and named after it.
   * A weight that the model lists several times is there once. These are the average's own tensors, which change as it goes on: clone them to come back to them
   * later, and leave it to `dispose` to free them.
   *
   * @throws {Error} when the average or the model has been disposed of
   */
  async getWeights(): Promise<NamedTensor[]> {
    this.requireAlive('getWeights');
    const count = tf.scalar(this.count, 'int32');
    if (this.countTensor) this.countTensor.assign(count);
    else this.countTensor = tf.variable(count, false);
    count.dispose();
    const averages = this.isApplied ? this.variables : this.kept;
    return [
      { name: COUNT, tensor: this.countTensor },
      ...this.names.map((name, i) => ({ name, tensor: averages[i] as tf.Variable })),
    ];
  }

  /**
   * Goes on from what `getWeights` gave, of this average or that of a model with the same weights. They
   * are found by name, or, where names are others, by position. The tensors are copied.
   *
   * @throws {Error} when the averages are applied, tensors are missing or do not fit, or the number of
   *   updates is no integer from 0; then nothing has changed
   */
  async setWeights(weightValues: NamedTensor[]): Promise<void> {
    this.requireAlive('setWeights');
    requireList(OWNER, 'weightValues', weightValues, 'tensors with names, as getWeights gives it');
    if (this.isApplied) {
      throw new Error(
        `${OWNER}: setWeights while the model has the averaged weights; call restore() first`,
      );
    }
    const saved = weightValues.find(({ name }) => name === COUNT)?.tensor;
    const given = weightValues.filter(({ name }) => name !== COUNT);
    const found = this.found(given);
    if (saved?.size !== 1) {
      throw new Error(`${OWNER}: setWeights got no count of updates '${COUNT}', a scalar`);
    }
    const [count] = await readTensor(saved);
    requireInteger(OWNER, `setWeights: the count of updates '${COUNT}'`, count, 0);
    this.requireAlive('setWeights');
    found.forEach((tensor, i) => {
      tf.tidy(() => this.kept[i]?.assign(tf.reshape(tensor, tensor.shape)));
    });
    this.count = count as number;
  }

  /** The tensors in the order of the weights, checked. */
  private found(given: readonly NamedTensor[]): tf.Tensor[] {
    const byName = new Map(given.map(({ name, tensor }) => [name, tensor]));
    const names = new Set(this.names);
    const isNamed = names.size === this.names.length && this.names.every((n) => byName.has(n));
    if (given.length !== this.kept.length) {
      throw new Error(
        `${OWNER}: setWeights got ${given.length} averages; expected ${this.kept.length}, one for each ` +
          `weight of the model`,
      );
    }
    return this.kept.map(({ shape, dtype }, i) => {
      const name = this.names[i] as string;
      const tensor = isNamed ? byName.get(name) : given[i]?.tensor;
      if (tensor?.shape.join() === shape.join() && tensor.dtype === dtype) return tensor;
      throw new Error(
        `${OWNER}: the average of ${name} has shape ${show(tensor?.shape)} and dtype ` +
          `${tensor?.dtype}; expected ${show(shape)} and ${dtype}`,
      );
    });
  }

  /** A callback of `model.fit` and `model.fitDataset` that updates the average after every batch. */
  callback(): tfl.CustomCallback {
    return new FitCallback({
      start: ({ name, weights }) => {
        const own = new Set(this.variables);
        const fitted = distinctVariables(weights);
        if (fitted.length === own.size && fitted.every((variable) => own.has(variable))) return;
        throw new Error(
          `${OWNER}: the callback of another model's average was given to fit of ${name}`,
        );
      },
      after: () => this.update(),
    });
  }

  /** Frees the averages. The model keeps the weights that it has now. */
  dispose(): void {
    for (const average of this.kept) {
      // tfjs counts a variable that is freed twice as two.
      if (!average.isDisposed) average.dispose();
    }
    this.countTensor?.dispose();
    delete this.countTensor;
  }

  private requireAlive(method: string): void {
    const gone = (list: readonly tf.Variable[]) => list.some(({ isDisposed }) => isDisposed);
    if (gone(this.kept)) throw new Error(`${OWNER}: ${method} after dispose()`);
    if (gone(this.variables)) {
      throw new Error(`${OWNER}: ${method}, but weights of the model have been disposed of`);
    }
  }
}

/** A variable with the present value of another one. */
function sharing(variable: tf.Variable): tf.Variable {
  const value = keptValue(variable);
  try {
    return tf.variable(value, false);
  } finally {
    value.dispose();
  }
}
