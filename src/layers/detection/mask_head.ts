/** MaskHead: for each region and class, which of its places belong to the object. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { requireInteger } from '../../common/arguments';
import { addBias } from '../../ops/dense/add_bias';
import { doublingConv } from '../../ops/dense/doubling_conv';
import type { LayerArgs, LayerOptionNames } from '../base/checked_layer';
import { IMAGE } from '../base/input_axes';
import { maskParts } from './parts';
import { PartsLayer } from './parts_layer';

const OWNER = 'MaskHead';

/** Arguments of `MaskHead`. */
export type MaskHeadArgs = LayerArgs & {
  /** Number of classes. */
  units: number;
  /** Number of 3x3 convolutions, each with ReLU. Default 4, as published. */
  convs?: number;
};

/**
 * Head for the masks of regions (He et al. 2017, arXiv 1703.06870), mmdetection's `FCNMaskHead`: 3x3 convolutions
 * that keep the channels, a transposed convolution that doubles the map, all with ReLU, and a projection.
 *
 * Input: features of regions, `[regions, bins, bins, channels]`, as `roiAlign` gives them; published: 14 bins.
 * Output: logits `[regions, 2 bins, 2 bins, units]`. float32.
 *
 * @throws {Error} when an argument is out of range or the input is no map of features
 */
export class MaskHead extends PartsLayer {
  static className = 'RevColMaskHead';
  static override readonly optionNames: object = {
    units: true,
    convs: true,
  } satisfies LayerOptionNames<MaskHeadArgs>;

  private readonly units: number;
  private readonly convs: number;

  constructor(args = {} as MaskHeadArgs) {
    super(args);
    this.takes({ axes: [IMAGE], form: 'features of regions, [regions, bins, bins, channels]' });
    this.units = args.units;
    this.convs = args.convs ?? 4;
    requireInteger(OWNER, 'units', this.units, 1);
    requireInteger(OWNER, 'convs', this.convs, 0);
  }

  override build(inputShape: tfl.Shape | tfl.Shape[]): void {
    const channels = this.checkedShapes(inputShape)[0][3] as number;
    const parts = maskParts(channels, this.convs, this.units);
    this.buildOrUndo(inputShape, () => this.addWeights(parts));
  }

  override computeOutputShape(inputShape: tfl.Shape | tfl.Shape[]): tfl.Shape {
    const [batch = null, height, width] = inputShape as tfl.Shape;
    const twice = (side: number | null | undefined) => (side == null ? null : 2 * side);
    return [batch, twice(height), twice(width), this.units];
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const [x] = this.checkedTensors(inputs);
    return tf.tidy(() => {
      let features: tf.Tensor = x;
      for (let i = 0; i < this.convs; i++) features = this.convolve(`conv_${i}`, features, true);
      const doubled = doublingConv(features, this.variable('upsample/kernel'));
      return this.project('logits', addBias(doubled, this.variable('upsample/bias'), true));
    });
  }

  override getConfig(): tf.serialization.ConfigDict {
    const { units, convs } = this;
    return { ...super.getConfig(), units, convs };
  }
}
