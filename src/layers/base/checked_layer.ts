/** The base of every layer: its inputs are checked before it is built, and again whenever it is called. */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import { shown } from '../../common/arguments';
import { type OptionNames, requireOptions } from '../../common/options';
import { disposingTapeOnError } from '../../ops/engine/engine';
import { type Axes, requireInput, specOf } from './input_axes';
import { type Shapes, type Tensors, toShapes, toTensors } from './inputs';
import { kindOf } from './own_classes';

/** Arguments of every layer. */
export type LayerArgs = ConstructorParameters<typeof tfl.layers.Layer>[0] & {
  /**
   * Parts that are not trained, by path: `'stem'`, `'column-0'`, `'column-2/level-0/block-1'`, down
   * to a layer of a nested model, or to a single weight. A saved model holds what was frozen by
   * setting `trainable` here as well. Default: none.
   */
  frozen?: string[];
  /**
   * Parts that are trained although their template is frozen, by path. A saved model holds what was
   * unfrozen here. Default: none.
   */
  unfrozen?: string[];
};

/** The names of the options of a layer class. */
export type LayerOptionNames<Args extends LayerArgs> = OptionNames<Omit<Args, keyof LayerArgs>>;

const LAYER_OPTIONS: OptionNames<LayerArgs> & Record<string, true> = {
  name: true,
  trainable: true,
  frozen: true,
  unfrozen: true,
  inputShape: true,
  batchInputShape: true,
  batchSize: true,
  dtype: true,
  inputDType: true,
  weights: true,
  // What configurations hold that other versions of tfjs have written.
  customObjects: true,
  updatable: true,
};

/** What a layer may be applied to. */
export type AppliedTo = tf.Tensor | tf.Tensor[] | tfl.SymbolicTensor | tfl.SymbolicTensor[];

/** What a layer takes. */
interface TakenInputs {
  /** Of each input that there may be. */
  axes: readonly Axes[];
  /** How many inputs there may be. Default: all of them. */
  counts?: readonly number[];
  /** Whether a built layer takes as many as it was built for, and no others. Default false. */
  fixed?: boolean;
  /** How they are to be given, for the message. Default: `'one tensor'`. */
  form?: string;
  /** End of the message about an input that the layer cannot be built for. Default: none. */
  advice?: string;
}

/**
 * A layer that says what it takes. Images may be of any size when a model is made, so that only a
 * call shows whether they are large enough: tensors are checked as their shapes are in `build`, with
 * the same messages, before anything is computed.
 */
export abstract class CheckedLayer extends tfl.layers.Layer {
  /**
   * Names of the options of the class itself, beside `LayerArgs`. What a subclass takes is not looked
   * at, unless it has a list of its own.
   */
  static readonly optionNames?: object;

  private taken: TakenInputs = { axes: [] };
  private builtFor: readonly tfl.Shape[] | null = null;

  constructor(args: LayerArgs = {}) {
    // What is no object is refused below, with a message.
    super(args ?? {});
    const { constructor: cls } = this;
    if (!Object.hasOwn(cls, 'optionNames')) return;
    const { optionNames } = cls as typeof CheckedLayer;
    requireOptions(kindOf(this), args, { ...optionNames, ...LAYER_OPTIONS });
  }

  /** Axes of the inputs that it takes. */
  get inputAxes(): readonly Axes[] {
    return this.taken.axes;
  }

  /** Says what the layer takes. To be called from the constructor. */
  protected takes(taken: TakenInputs): void {
    this.taken = taken;
    // tfjs knows no inputs that may be left out.
    if (!taken.counts) this.inputSpec = taken.axes.map((axes) => specOf(axes));
  }

  /** Notes the shapes that the layer is now built for: ranks and channels stay these. */
  protected settleInputs(inputShape: tfl.Shape | tfl.Shape[]): void {
    const shapes = toShapes(inputShape);
    this.builtFor = shapes;
    this.inputSpec = shapes.map((shape, i) => specOf(this.taken.axes[i] as Axes, shape));
  }

  /**
   * Asserts that shapes are those of inputs that the layer takes, as built, if it is.
   *
   * @throws {Error} when there are too few or too many, or one has another rank or other channels, or
   *   is too small
   */
  protected checkInputs(shapes: Shapes): void {
    const { axes, counts = [axes.length], fixed, form = 'one tensor', advice } = this.taken;
    const owner = kindOf(this);
    const built = fixed && this.builtFor?.length;
    if (!(built ? [built] : counts).includes(shapes.length)) {
      throw new Error(
        `${owner}: ${shapes.length} inputs given; expected ` +
          (built ? `${built}, for which ${this.name} was built` : form),
      );
    }
    for (const [i, shape] of shapes.entries()) {
      const own = axes[i] as Axes;
      requireInput(owner, shape, own, specOf(own, this.builtFor?.[i]), advice);
    }
  }

  /** One shape or several as a list, checked. To be called from `build`. */
  protected checkedShapes(inputShape: tfl.Shape | tfl.Shape[]): Shapes {
    const shapes = toShapes(inputShape);
    this.checkInputs(shapes);
    return shapes;
  }

  /**
   * One tensor or several as a list, checked. To be called from `call`, not only from `apply`, which
   * wrappers such as `timeDistributed` pass by.
   */
  protected checkedTensors(inputs: tf.Tensor | tf.Tensor[]): Tensors {
    const tensors = toTensors(inputs);
    disposingTapeOnError(() => this.checkedShapes(tensors.map((x) => x.shape)));
    return tensors;
  }

  protected override assertInputCompatibility(inputs: AppliedTo): void {
    const list: readonly Partial<tfl.SymbolicTensor>[] = Array.isArray(inputs) ? inputs : [inputs];
    const shapes = list.map((x) => x?.shape);
    if (shapes.every((shape) => shape !== undefined)) {
      // Those of tensors are for `call`.
      if (!(list[0] instanceof tf.Tensor)) this.checkedShapes(shapes);
      return;
    }
    const given = list.find((x) => !x?.shape) as unknown;
    throw new Error(
      `${kindOf(this)}: ${this.name} is applied to ${shown(given)}; expected tensors, which tf.tensor ` +
        `makes of numbers`,
    );
  }
}
