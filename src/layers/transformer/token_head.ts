/** A head that gives every token logits of its own. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { requireInteger } from '../../common/arguments';
import { layerNorm } from '../../ops/layer_norm';
import { linear } from '../../ops/linear';
import type { LayerArgs, LayerOptionNames } from '../base/checked_layer';
import { type FourVariables, variablesOf } from '../base/composite_layer';
import { SEQUENCE } from '../base/input_axes';
import { SequenceLayer } from '../base/sequence_layer';
import { headSpecs } from '../base/weight_specs';

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
 * @throws {Error} when `units` is no whole number from 1, or the input is of another rank or unknown width
 */
export class TokenHead extends SequenceLayer {
  static className = 'RevColTokenHead';
  static override readonly optionNames: object = {
    units: true,
  } satisfies LayerOptionNames<TokenHeadArgs>;

  private readonly units: number;

  constructor(args = {} as TokenHeadArgs) {
    super(args);
    this.takes({ axes: [SEQUENCE] });
    this.units = args.units;
    requireInteger(OWNER, 'units', this.units, 1);
  }

  override build(inputShape: tfl.Shape | tfl.Shape[]): void {
    const width = this.checkedShapes(inputShape)[0][2] as number;
    this.buildOrUndo(inputShape, () => void this.addSpecs(headSpecs(width, this.units)));
  }

  override computeOutputShape(inputShape: tfl.Shape | tfl.Shape[]): tfl.Shape {
    return [...(inputShape as tfl.Shape).slice(0, -1), this.units];
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const [x] = this.checkedTensors(inputs);
    const [gamma, beta, kernel, bias] = variablesOf(this._trainableWeights) as FourVariables;
    return tf.tidy(() => linear(layerNorm(x, gamma, beta), kernel, bias));
  }

  override getConfig() {
    return { ...super.getConfig(), units: this.units };
  }
}
