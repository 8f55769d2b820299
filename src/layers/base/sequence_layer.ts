/** The base of layers that take masks: they pass the mask of their first input on unless they say otherwise. */
import type * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import type { LayerArgs } from './checked_layer';
import { CompositeLayer } from './composite_layer';
import { firstMask, withoutMaskMetadata } from './masks';

type Apply = tfl.layers.Layer['apply'];
type Kwargs = Parameters<Apply>[1];

/** A layer of sequences `[batch, time, ...]`, whose masks are `[batch, time]`. */
export abstract class SequenceLayer extends CompositeLayer {
  /** Arguments with a mask, by the inputs that they came with. */
  private readonly masked = new WeakMap<object, NonNullable<Kwargs>>();

  constructor(args: LayerArgs = {}) {
    super(args);
    this.supportsMasking = true;
    withoutMaskMetadata(this);
  }

  override apply(
    inputs: tfl.SymbolicTensor | tfl.SymbolicTensor[],
    kwargs?: Kwargs,
  ): tfl.SymbolicTensor | tfl.SymbolicTensor[];
  override apply(inputs: tf.Tensor | tf.Tensor[], kwargs?: Kwargs): tf.Tensor | tf.Tensor[];
  override apply(...[inputs, kwargs]: Parameters<Apply>): ReturnType<Apply>;
  override apply(...[inputs, kwargs]: Parameters<Apply>): ReturnType<Apply> {
    if (kwargs?.['mask'] != null) this.masked.set(inputs, kwargs);
    return super.apply(inputs, kwargs);
  }

  /**
   * The mask of the output; none of a layer that takes time away, and of one whose input has none.
   *
   * A model asks for it after each call. It gives all its layers one object of arguments, from which
   * it never takes a mask away again, so that layers behind would still be given it: a softmax behind
   * a head would hide classes. So the mask is taken away here. Callers other than models, who do not
   * ask, keep their arguments as they are.
   */
  override computeMask(
    inputs: tf.Tensor | tf.Tensor[],
    mask?: tf.Tensor | tf.Tensor[],
  ): tf.Tensor | tf.Tensor[] {
    const own = this.outputMask(inputs, mask);
    const kwargs = this.masked.get(inputs);
    this.masked.delete(inputs);
    if (kwargs && !firstMask(own)) delete kwargs['mask'];
    // tfjs's type leaves out that there may be none.
    return own as tf.Tensor | tf.Tensor[];
  }

  /** The mask of the output: that of the first input, unless a subclass says otherwise. */
  protected outputMask(
    _inputs: tf.Tensor | tf.Tensor[],
    mask?: tf.Tensor | tf.Tensor[],
  ): tf.Tensor | tf.Tensor[] | undefined {
    return firstMask(mask);
  }
}
