import * as tfc from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-layers';

import { layerNorm } from '../ops/layer_norm';
import { linear } from '../ops/linear';
import { requireInteger, show } from './arguments';
import { CompositeLayer, variablesOf, type FourVariables } from './composite_layer';
import { headSpecs } from './weight_specs';

type LayerArgs = ConstructorParameters<typeof tf.layers.Layer>[0];

/** Arguments of `RevColHead`. */
export type RevColHeadArgs = LayerArgs & {
  /** Number of classes. */
  units: number;
};

/**
 * Classification head: mean over all axes between batch and channels, LayerNorm, linear.
 *
 * Input: `[batch, ..., channels]`, float32. Output: logits `[batch, units]`.
 */
export class RevColHead extends CompositeLayer {
  static className = 'RevColHead';

  private readonly units: number;

  constructor(args: RevColHeadArgs) {
    super(args);
    this.units = args.units;
    requireInteger('RevColHead', 'units', this.units, 1);
  }

  override build(inputShape: tf.Shape | tf.Shape[]): void {
    const shape = inputShape as tf.Shape;
    const channels = shape[shape.length - 1];
    if (shape.length < 2 || channels == null) {
      throw new Error(
        `RevColHead: input shape ${show(shape)}; expected [batch, ..., channels] with known channels`,
      );
    }
    this.addSpecs(headSpecs(channels, this.units));
    this.built = true;
  }

  override computeOutputShape(inputShape: tf.Shape | tf.Shape[]): tf.Shape {
    return [(inputShape as tf.Shape)[0] as number | null, this.units];
  }

  override call(inputs: tfc.Tensor | tfc.Tensor[]): tfc.Tensor {
    const x = (Array.isArray(inputs) ? inputs[0] : inputs) as tfc.Tensor;
    const [gamma, beta, kernel, bias] = variablesOf(this._trainableWeights) as FourVariables;
    return tfc.tidy(() => {
      const [batch, channels] = [x.shape[0] as number, x.shape[x.rank - 1] as number];
      const pooled = x.rank === 2 ? x : tfc.mean(tfc.reshape(x, [batch, -1, channels]), 1);
      return linear(layerNorm(pooled, gamma, beta), kernel, bias);
    });
  }

  override getConfig() {
    return { ...super.getConfig(), units: this.units };
  }
}
