import { tidy, type Tensor } from '@tensorflow/tfjs-core';
import type * as tf from '@tensorflow/tfjs-layers';

import { layerNorm } from '../ops/layer_norm';
import { linear } from '../ops/linear';
import { requireInteger } from './arguments';
import { CompositeLayer, variablesOf, type FourVariables } from './composite_layer';
import { firstMask, sequenceWidth, toTensors, withoutMaskMetadata } from './transformer_masks';
import { headSpecs } from './weight_specs';

type LayerArgs = ConstructorParameters<typeof tf.layers.Layer>[0];
const OWNER = 'TokenHead';

/** Arguments of `TokenHead`. */
export type TokenHeadArgs = LayerArgs & {
  /** Number of classes, or of tokens in the vocabulary. */
  units: number;
};

/**
 * Head that gives every token logits of its own: LayerNorm, linear. For tagging, and for language
 * models whose output has weights of its own. Hands the mask of its input on.
 *
 * Input: `[batch, time, width]`, float32. Output: logits `[batch, time, units]`.
 *
 * @throws when `units` is no whole number from 1, or the input is of another rank or unknown width
 */
export class TokenHead extends CompositeLayer {
  static className = 'RevColTokenHead';

  private readonly units: number;

  constructor(args: TokenHeadArgs) {
    super(args);
    this.units = args.units;
    requireInteger(OWNER, 'units', this.units, 1);
    this.supportsMasking = true;
    withoutMaskMetadata(this);
  }

  override build(inputShape: tf.Shape | tf.Shape[]): void {
    const width = sequenceWidth(OWNER, inputShape as tf.Shape);
    this.addSpecs(headSpecs(width, this.units));
    this.built = true;
  }

  override computeOutputShape(inputShape: tf.Shape | tf.Shape[]): tf.Shape {
    return [...(inputShape as tf.Shape).slice(0, -1), this.units];
  }

  override computeMask(_inputs: Tensor | Tensor[], mask?: Tensor | Tensor[]): Tensor {
    return firstMask(mask) as Tensor;
  }

  override call(inputs: Tensor | Tensor[]): Tensor {
    const x = toTensors(inputs)[0] as Tensor;
    const [gamma, beta, kernel, bias] = variablesOf(this._trainableWeights) as FourVariables;
    return tidy(() => linear(layerNorm(x, gamma, beta), kernel, bias));
  }

  override getConfig() {
    return { ...super.getConfig(), units: this.units };
  }
}
