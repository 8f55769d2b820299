/** The classification head: a mean over all places, LayerNorm, linear. */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import { requireInteger } from '../../common/arguments';
import { layerNorm } from '../../ops/layer_norm';
import { linear } from '../../ops/linear';
import { maskedMean } from '../../ops/sequence_pooling';
import type { LayerArgs, LayerOptionNames } from '../base/checked_layer';
import { type FourVariables, variablesOf } from '../base/composite_layer';
import { FEATURES } from '../base/input_axes';
import { firstMask, fittingMask } from '../base/masks';
import { type SequenceKwargs } from '../base/sequence_call';
import { SequenceLayer } from '../base/sequence_layer';
import { headSpecs } from '../base/weight_specs';

const OWNER = 'RevColHead';

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
export class RevColHead extends SequenceLayer {
  static className = 'RevColHead';
  static override readonly optionNames: object = {
    units: true,
  } satisfies LayerOptionNames<RevColHeadArgs>;

  private readonly units: number;

  constructor(args = {} as RevColHeadArgs) {
    super(args);
    this.takes({ axes: [FEATURES] });
    this.units = args.units;
    requireInteger(OWNER, 'units', this.units, 1);
  }

  override build(inputShape: tfl.Shape | tfl.Shape[]): void {
    const [shape] = this.checkedShapes(inputShape);
    const channels = shape[shape.length - 1] as number;
    this.buildOrUndo(inputShape, () => void this.addSpecs(headSpecs(channels, this.units)));
  }

  override computeOutputShape(inputShape: tfl.Shape | tfl.Shape[]): tfl.Shape {
    return [(inputShape as tfl.Shape)[0] as number | null, this.units];
  }

  /** None: the mean has taken the tokens together. */
  protected override outputMask(): undefined {
    return undefined;
  }

  /** @param kwargs.mask which tokens of a sequence `[batch, time, channels]` are real */
  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: SequenceKwargs = {}): tf.Tensor {
    const [x] = this.checkedTensors(inputs);
    const [gamma, beta, kernel, bias] = variablesOf(this._trainableWeights) as FourVariables;
    // Only sequences have masks; tfjs may hand an image the mask of another branch of the model.
    const mask = x.rank === 3 ? fittingMask(OWNER, x, firstMask(kwargs.mask)) : undefined;
    return tf.tidy(() => {
      const pooled = mask ? maskedMean(x, mask) : meanOverPlaces(x);
      return linear(layerNorm(pooled, gamma, beta), kernel, bias);
    });
  }

  override getConfig() {
    return { ...super.getConfig(), units: this.units };
  }
}

/** Mean over all axes but the first and the last, `[batch, channels]`. */
function meanOverPlaces(x: tf.Tensor): tf.Tensor {
  if (x.rank === 2) return x;
  const [batch, channels] = [x.shape[0] as number, x.shape[x.rank - 1] as number];
  // Not -1, which is unknown in an empty batch.
  const positions = tf.util.sizeFromShape(x.shape.slice(1, -1));
  return tf.mean(tf.reshape(x, [batch, positions, channels]), 1);
}
