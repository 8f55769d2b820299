/** The stem: patches of an image, projected and normalised. */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import { requireInteger, show } from '../../common/arguments';
import { isTapeOn } from '../../ops/engine/engine';
import { layerNorm } from '../../ops/layer_norm';
import { linear } from '../../ops/linear';
import { patchConv } from '../../ops/patch_conv';
import type { LayerArgs, LayerOptionNames } from '../base/checked_layer';
import { CompositeLayer, type FourVariables, variablesOf } from '../base/composite_layer';
import { FEATURES } from '../base/input_axes';
import type { Shapes } from '../base/inputs';
import { stemSpecs } from '../base/weight_specs';
import { warnOfOneSign } from './pixel_warnings';

const OWNER = 'RevColStem';

/** Arguments of `RevColStem`. */
export type RevColStemArgs = LayerArgs & {
  /** Output channels: those of level 0. */
  filters: number;
  /** Side and stride of the patches, in pixels. Default 4. Images only. */
  patchSize?: number;
};

/**
 * Stem (paper section 2.2): non-overlapping patches, projected, then LayerNorm. On inputs that are
 * no images, a linear projection of the last axis and LayerNorm.
 *
 * Input: `[batch, height, width, in]`, output `[batch, floor(height / patchSize), floor(width /
 * patchSize), filters]`; or `[batch, ..., in]` to `[batch, ..., filters]`. float32.
 *
 * Images should be centred: the LayerNorm takes away how bright an image of one sign is, so that
 * pixels in 0..1 hardly differ after it. One warning says so when the first images in training, of 1
 * or 3 channels, are all of one sign.
 */
export class RevColStem extends CompositeLayer {
  static className = 'RevColStem';
  static override readonly optionNames: object = {
    filters: true,
    patchSize: true,
  } satisfies LayerOptionNames<RevColStemArgs>;

  private readonly filters: number;
  private readonly patchSize: number;

  constructor(args = {} as RevColStemArgs) {
    super(args);
    this.takes({ axes: [FEATURES] });
    this.filters = args.filters;
    this.patchSize = args.patchSize ?? 4;
    requireInteger(OWNER, 'filters', this.filters, 1);
    requireInteger(OWNER, 'patchSize', this.patchSize, 1);
  }

  protected override checkInputs(shapes: Shapes): void {
    super.checkInputs(shapes);
    const [shape] = shapes;
    const { patchSize: p } = this;
    if (shape.length !== 4 || shape.slice(1, 3).every((d) => d == null || d >= p)) return;
    throw new Error(
      `${OWNER}: input shape ${show(shape)} holds no patch; give at least ${p} x ${p} pixels, or a ` +
        `smaller patchSize`,
    );
  }

  override build(inputShape: tfl.Shape | tfl.Shape[]): void {
    const [shape] = this.checkedShapes(inputShape);
    const channels = shape[shape.length - 1] as number;
    const { patchSize: p, filters } = this;
    const kernel = shape.length === 4 ? [p, p, channels, filters] : [channels, filters];
    this.buildOrUndo(inputShape, () => void this.addSpecs(stemSpecs(kernel, filters)));
  }

  override computeOutputShape(inputShape: tfl.Shape | tfl.Shape[]): tfl.Shape {
    const shape = inputShape as tfl.Shape;
    const inner = shape
      .slice(1, -1)
      .map((d) => (d == null || shape.length !== 4 ? d : Math.floor(d / this.patchSize)));
    return [shape[0] as number | null, ...inner, this.filters];
  }

  override call(
    inputs: tf.Tensor | tf.Tensor[],
    { training = false }: { training?: boolean } = {},
  ): tf.Tensor {
    const [x] = this.checkedTensors(inputs);
    // A loop of one's own records gradients without saying that it trains.
    if (training || isTapeOn()) warnOfOneSign(OWNER, this, x);
    const [kernel, bias, gamma, beta] = variablesOf(this._trainableWeights) as FourVariables;
    return tf.tidy(() => {
      const project = x.rank === 4 ? patchConv : linear;
      return layerNorm(project(x, kernel, bias), gamma, beta);
    });
  }

  override getConfig() {
    return { ...super.getConfig(), filters: this.filters, patchSize: this.patchSize };
  }
}
