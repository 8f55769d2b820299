/** FCNHead: convolutions on one map of features, and logits of classes. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { requireInteger } from '../../common/arguments';
import type { LayerArgs, LayerOptionNames } from '../base/checked_layer';
import { IMAGE } from '../base/input_axes';
import { fcnModules } from './modules';
import {
  type HeadKwargs,
  SegmentationHead,
  type SegmentationHeadOptions,
  through,
} from './segmentation_head';

const OWNER = 'FCNHead';

/** Arguments of `FCNHead`. */
export type FCNHeadArgs = LayerArgs &
  SegmentationHeadOptions & {
    /** Channels of the convolutions. Default 256. */
    filters?: number;
    /** Number of 3x3 convolutions. Default 1. */
    convs?: number;
  };

/**
 * Fully convolutional head (Long et al. 2015, arXiv 1411.4038) as mmsegmentation has it: 3x3
 * convolutions, each with batch normalisation and ReLU, dropout of whole channels, logits. The
 * published models have one on level 2, in training only, as auxiliary head.
 *
 * Input: one level of a pyramid, `[batch, h, w, channels]`. Output: logits `[batch, h, w, units]`.
 * float32.
 *
 * @throws {Error} when an argument is out of range or the input is no map of features; in training, when
 *   there is one value per channel in a batch
 */
export class FCNHead extends SegmentationHead {
  static className = 'RevColFCNHead';
  static override readonly optionNames: object = {
    units: true,
    dropout: true,
    filters: true,
    convs: true,
  } satisfies LayerOptionNames<FCNHeadArgs>;

  private readonly convs: number;

  constructor(args = {} as FCNHeadArgs) {
    super(OWNER, args, 256);
    this.takes({ axes: [IMAGE], form: 'one level of a pyramid' });
    this.convs = args.convs ?? 1;
    requireInteger(OWNER, 'convs', this.convs, 1);
  }

  override build(inputShape: tfl.Shape | tfl.Shape[]): void {
    const channels = this.checkedShapes(inputShape)[0][3] as number;
    const modules = fcnModules(0, channels, this.filters, this.convs);
    this.buildOrUndo(inputShape, () => this.addParts(modules));
  }

  override computeOutputShape(inputShape: tfl.Shape | tfl.Shape[]): tfl.Shape {
    return [...(inputShape as tfl.Shape).slice(0, 3), this.units];
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: HeadKwargs = {}): tf.Tensor {
    const [x] = this.checkedTensors(inputs);
    return tf.tidy(() => {
      const features = this.sublayers.reduce((y, module) => through(module, y, kwargs), x);
      return this.logitsOf(features, kwargs);
    });
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), convs: this.convs };
  }
}
