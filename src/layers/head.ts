import * as tfc from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-layers';

import { layerNorm } from '../ops/layer_norm';
import { linear } from '../ops/linear';
import { maskedMean } from '../ops/masked_mean';
import { requireInteger, show } from './arguments';
import { CompositeLayer, variablesOf, type FourVariables } from './composite_layer';
import {
  firstMask,
  fittingMask,
  toTensors,
  withoutMaskMetadata,
  type SequenceKwargs,
} from './transformer_masks';
import { headSpecs } from './weight_specs';

type LayerArgs = ConstructorParameters<typeof tf.layers.Layer>[0];

/** Arguments of `RevColHead`. */
export type RevColHeadArgs = LayerArgs & {
  /** Number of classes. */
  units: number;
};

/**
 * Classification head: mean over all axes between batch and channels, LayerNorm, linear. Of a
 * sequence with a mask the mean is over the tokens that are real.
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
    this.supportsMasking = true;
    withoutMaskMetadata(this);
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

  /** None: the mean has taken the tokens together. */
  override computeMask(): tfc.Tensor {
    return undefined as unknown as tfc.Tensor;
  }

  /** @param kwargs.mask which tokens of a sequence `[batch, time, channels]` are real */
  override call(inputs: tfc.Tensor | tfc.Tensor[], kwargs: SequenceKwargs = {}): tfc.Tensor {
    const x = toTensors(inputs)[0] as tfc.Tensor;
    const [gamma, beta, kernel, bias] = variablesOf(this._trainableWeights) as FourVariables;
    // Only sequences have masks; tfjs may hand an image the mask of another branch of the model.
    const mask = x.rank === 3 ? fittingMask('RevColHead', x, firstMask(kwargs.mask)) : undefined;
    return tfc.tidy(() => {
      const pooled = mask ? maskedMean(x, mask) : meanOverPlaces(x);
      return linear(layerNorm(pooled, gamma, beta), kernel, bias);
    });
  }

  override getConfig() {
    return { ...super.getConfig(), units: this.units };
  }
}

/** Mean over all axes but the first and the last, `[batch, channels]`. */
function meanOverPlaces(x: tfc.Tensor): tfc.Tensor {
  if (x.rank === 2) return x;
  return tfc.mean(tfc.reshape(x, [x.shape[0] as number, -1, x.shape[x.rank - 1] as number]), 1);
}
