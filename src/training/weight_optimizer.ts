/** What all optimizers of the package share: weights updated one by one, groups, and saved state. */
import * as tf from '@tensorflow/tfjs-core';

import { shown } from '../common/arguments';
import { readTensor } from '../ops/engine/lost_backend';
import { requireFullPrecision } from '../ops/engine/precision';
import { Clipping, LastNorm } from './clipping';
import { fusedStep } from './fused_step';
import { type GivenGradients, toUpdates } from './given_gradients';
import { type CommonArgs, requireCommonArgs } from './optimizer_args';
import { shareInsides } from './optimizer_insides';
import {
  type CompiledGroup,
  settingsOf,
  toGroups,
  warnOfIdleGroups,
  type WeightSettings,
} from './parameter_groups';
import { assertGroupsFit, groupsFromConfig, groupsToConfig } from './saved_groups';
import { CountTensors, type NamedTensor, readSaved } from './saved_states';
import type { StateLayout } from './state_layout';
import { unnumbered } from './weight_names';
import { type Slots, type WeightState, WeightStates } from './weight_states';
import { assignAll, type UpdatedWeight, type WeightUpdate } from './weight_update';

/** One step of an optimizer. */
interface Step {
  update(variable: tf.Variable, gradient: tf.Tensor): void;
  end(): void;
  dispose(): void;
}

/**
 * An optimizer that treats each weight by itself. Moments and steps are each weight's own: one that
 * joins later (unfrozen) begins at its first step, and one without a gradient does not change. Saved
 * with its model and loaded again, training goes on exactly. State finds its weight by name, less the
 * number that tfjs adds to names, and, where the names are others, by position, as in tfjs's own
 * optimizers. When all weights have been disposed of, their state goes on with the next ones that it
 * fits.
 */
export abstract class WeightOptimizer extends tf.Optimizer {
  /** Step size. May be set at any time. */
  learningRate: number;
  /** Whether weights are updated in the middle of the backward pass. */
  readonly fused: boolean | 'safe';
  private readonly groups: CompiledGroup[];
  private readonly settings = new WeakMap<tf.Variable, WeightSettings>();
  private readonly states: WeightStates;
  private readonly counts: CountTensors;
  private readonly lastNorm = new LastNorm();
  /** Whether a saved model made it. */
  private loaded = false;
  /** Whether each group is known to fit a weight, or a saved model brought them. */
  private groupsFit = false;
  /** Groups whose expressions tfjs may have rewritten, until they are known to fit. */
  private rewritten: readonly number[] = [];

  /**
   * @param layout what it keeps for a weight
   * @param common arguments that all optimizers take, as they were given
   * @param own the optimizer's own arguments with their defaults, as they are saved; among them the
   *   learning rate, and the weight decay where no group says otherwise
   * @throws {Error} when an argument is out of range
   */
  protected constructor(
    private readonly layout: StateLayout,
    private readonly common: CommonArgs,
    private readonly own: tf.serialization.ConfigDict & {
      learningRate: number;
      weightDecay: number;
    },
  ) {
    super();
    requireCommonArgs(layout.owner, common);
    this.groups = toGroups(common.groups ?? []);
    this.fused = common.fused ?? false;
    this.learningRate = own.learningRate;
    this.states = new WeightStates(layout.owner);
    this.counts = new CountTensors(layout.owner);
    shareInsides(this, { layout, states: this.states, lastNorm: this.lastNorm });
  }

  /** The new value of a weight and of what is kept for it; runs in a tidy. */
  protected abstract updated(update: WeightUpdate): UpdatedWeight;

  /**
   * Changes a weight, and what is kept for it in place, where the optimizer can. All or nothing.
   *
   * @returns what is kept for the weight from now on; null where nothing was done
   */
  protected updatedInPlace(_: WeightUpdate): Slots | null {
    return null;
  }

  /** @throws {Error} when the backend in use lacks what the optimizer needs */
  protected requireBackend(): void {
    // Most need nothing.
  }

  /**
   * Takes a step. Gradients of one model come in the order of its weights; null means none.
   *
   * @throws {Error} when a variable is unknown, a gradient does not fit it, `learningRate` is out of
   * range, restored state fits no weight, webgl has 16-bit textures, or `fused` is set; then nothing
   * has changed
   */
  override applyGradients(gradients: GivenGradients): void {
    if (this.fused) throw this.needsNoGradients('applyGradients');
    const updates = toUpdates(this.layout.owner, gradients);
    const step = this.begin(updates.map(({ variable }) => variable));
    try {
      for (const { variable, gradient } of updates) step.update(variable, gradient);
      step.end();
    } finally {
      step.dispose();
    }
  }

  /**
   * Gradients of a loss, as tfjs gives them.
   *
   * @throws {Error} when `fused` is set
   */
  override computeGradients(
    f: () => tf.Scalar,
    varList?: tf.Variable[],
  ): { value: tf.Scalar; grads: tf.NamedTensorMap } {
    if (this.fused) throw this.needsNoGradients('computeGradients');
    return super.computeGradients(f, varList);
  }

  private needsNoGradients(method: string): Error {
    return new Error(
      `${this.layout.owner}: ${method} is for gradients that are all there at once, to be summed over ` +
        `batches or changed; with fused they never are. Use minimize, model.fit or trainingStep, ` +
        `clipWeightNorm or clipPreviousNorm for clipping, or an optimizer with fused: false`,
    );
  }

  /**
   * Minimises a loss by one step, as tfjs's optimizers do.
   *
   * @param f gives the loss, a scalar
   * @param returnCost whether to return it
   * @param varList the variables to be updated. Default: all that are trainable
   * @throws {FusedStepError} when a fused step fails in the middle
   */
  override minimize(
    f: () => tf.Scalar,
    returnCost = false,
    varList?: tf.Variable[],
  ): tf.Scalar | null {
    if (!this.fused) return super.minimize(f, returnCost, varList);
    let step: Step | undefined;
    try {
      const loss = fusedStep(this.layout.owner, f, varList, this.fused === 'safe', {
        start: (_, reached) => {
          step = this.begin(reached);
        },
        update: (variable, gradient) => step?.update(variable, gradient),
      });
      step?.end();
      if (returnCost) return loss;
      loss.dispose();
      return null;
    } finally {
      step?.dispose();
    }
  }

  /** Checks what there is to check, and finds the state of each weight. */
  private begin(variables: readonly tf.Variable[]): Step {
    const { owner } = this.layout;
    requireFullPrecision(`${owner}: a step`);
    this.requireBackend();
    if (!(this.learningRate >= 0 && Number.isFinite(this.learningRate))) {
      throw new Error(
        `${owner}: learningRate is ${shown(this.learningRate)}; expected a number from 0, also when it is set`,
      );
    }
    if (this.rewritten.length > 0 && variables.length > 0) {
      const names = [...Object.keys(tf.engine().registeredVariables), ...this.states.names];
      assertGroupsFit(this.groups, this.rewritten, [...names, ...names.map(unnumbered)]);
      this.rewritten = [];
    }
    this.warnOfIdleGroups(variables);
    const found = this.states.of(variables);
    const states = new Map(variables.map((v, i) => [v, found[i] as WeightState]));
    const clipping = new Clipping(this.common, variables, this.lastNorm);
    return {
      update: (variable, gradient) =>
        this.update(variable, gradient, states.get(variable) as WeightState, clipping),
      end: () => {
        clipping.end();
        this.incrementIterations();
      },
      dispose: () => clipping.dispose(),
    };
  }

  /** All or nothing: what can fail comes before what changes. */
  private update(
    variable: tf.Variable,
    gradient: tf.Tensor,
    state: WeightState,
    clipping: Clipping,
  ): void {
    const { rateScale, decay } = this.settingsFor(variable, state);
    tf.tidy(() => {
      const update: WeightUpdate = {
        variable,
        gradient: clipping.apply(variable, gradient),
        slots: state.slots,
        step: state.steps + 1,
        rate: this.learningRate * rateScale,
        rateScale,
        decay,
      };
      const inPlace = this.updatedInPlace(update);
      if (inPlace) state.slots = inPlace;
      else assignAll(variable, state, this.updated(update));
      state.steps++;
    });
  }

  /** Warns once of groups that fit no weight, not even one that is not trained yet. */
  private warnOfIdleGroups(variables: readonly tf.Variable[]): void {
    if (this.groupsFit || variables.length === 0) return;
    const all = Object.values(tf.engine().registeredVariables);
    const weights = [...new Set([...variables, ...all])].map(({ name }) => name);
    warnOfIdleGroups(this.layout.owner, this.groups, weights, this.states.names);
    this.groupsFit = true;
  }

  private settingsFor(variable: tf.Variable, { name }: WeightState): WeightSettings {
    const known = this.settings.get(variable);
    if (known) return known;
    const settings = settingsOf(this.groups, variable, name, this.own.weightDecay);
    this.settings.set(variable, settings);
    return settings;
  }

  /** Frees what is kept for weights. */
  override dispose(): void {
    this.states.dispose();
    this.counts.dispose();
    this.lastNorm.dispose();
  }

  /**
   * Number of steps, then what is kept for each weight, in the order of the model and named after it,
   * then the steps of each. These are the optimizer's own tensors, which change as it goes on: clone
   * them to come back to them later, and leave it to `dispose` to free them.
   */
  override async getWeights(): Promise<NamedTensor[]> {
    return this.counts.save(this.iterations, this.states.saved, this.lastNorm.value);
  }

  /**
   * Goes on from what `getWeights` gave, of this optimizer or another one. The tensors are copied.
   * What cannot be state is refused here; state that fits no weight, in the next step.
   *
   * @throws {Error} when tensors are missing, unknown, given twice, or their shapes do not fit each
   * other; then nothing has changed
   */
  override async setWeights(weightValues: NamedTensor[]): Promise<void> {
    const { iterations, states, norm } = await readSaved(this.layout, weightValues, (tensor) =>
      this.states.saved.find(({ slots }) => Object.values(slots).includes(tensor as tf.Variable)),
    );
    const value = norm && (await readTensor(norm))[0];
    this.states.restore(states, this.loaded);
    this.iterations_ = iterations;
    this.lastNorm.restore(value ?? null);
  }

  override getConfig(): tf.serialization.ConfigDict {
    const { groups, fused, clipWeightNorm, clipPreviousNorm } = this.common;
    const given = { fused, clipWeightNorm, clipPreviousNorm };
    return {
      ...this.own,
      ...Object.fromEntries(Object.entries(given).filter(([, value]) => value != null)),
      learningRate: this.learningRate,
      groups: groupsToConfig(groups ?? []),
    };
  }

  static override fromConfig<T extends tf.serialization.Serializable>(
    cls: tf.serialization.SerializableConstructor<T>,
    config: tf.serialization.ConfigDict,
  ): T {
    const { groups, rewritten } = groupsFromConfig(config['groups']);
    const optimizer = new cls({ ...config, groups });
    const own = optimizer as unknown as WeightOptimizer;
    own.loaded = true;
    own.groupsFit = true;
    own.rewritten = rewritten;
    return optimizer;
  }
}
