/** BoxHead: of each region, its class, and how to move it for each class. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { requireInteger } from '../../common/arguments';
import { addBias } from '../../ops/dense/add_bias';
import { flatProduct } from '../../ops/dense/flat_product';
import type { LayerArgs, LayerOptionNames } from '../base/checked_layer';
import { IMAGE } from '../base/input_axes';
import type { Shapes } from '../base/inputs';
import { ConvModule } from '../dense/conv_module';
import { through } from '../dense/segmentation_head';
import { boxParts } from './parts';
import { type CallKwargs, PartsLayer, requireBins } from './parts_layer';

const OWNER = 'BoxHead';

/** Arguments of `BoxHead`. */
export type BoxHeadArgs = LayerArgs & {
  /** Number of classes, without the background. */
  units: number;
  /** Number of 3x3 convolutions, each with batch normalisation and ReLU. Default 4, as published. */
  convs?: number;
  /** Channels of the hidden layer. Default 1024, as published. */
  hidden?: number;
};

/**
 * Head for the boxes of regions, mmdetection's `ConvFCBBoxHead` as the published configuration has it: 3x3
 * convolutions that keep the channels, each with batch normalisation and ReLU, one hidden layer with ReLU, two
 * projections.
 *
 * Input: features of regions, `[regions, bins, bins, channels]`, as `roiAlign` gives them; published: 7 bins.
 * Output: two tensors, logits of the classes `[regions, units + 1]`, the background last, and deltas `[regions, 4
 * units]`, four of each class, for `decodeBoxes`. float32. In training the batch normalisations go by the
 * statistics of all regions.
 *
 * @throws {Error} when an argument is out of range or the input is no map of features of known size
 */
export class BoxHead extends PartsLayer {
  static className = 'RevColBoxHead';
  static override readonly optionNames: object = {
    units: true,
    convs: true,
    hidden: true,
  } satisfies LayerOptionNames<BoxHeadArgs>;

  private readonly units: number;
  private readonly convs: number;
  private readonly hidden: number;

  constructor(args = {} as BoxHeadArgs) {
    super(args);
    this.takes({ axes: [IMAGE], form: 'features of regions, [regions, bins, bins, channels]' });
    this.units = args.units;
    this.convs = args.convs ?? 4;
    this.hidden = args.hidden ?? 1024;
    requireInteger(OWNER, 'units', this.units, 1);
    requireInteger(OWNER, 'convs', this.convs, 0);
    requireInteger(OWNER, 'hidden', this.hidden, 1);
  }

  protected override checkInputs(shapes: Shapes): void {
    super.checkInputs(shapes);
    if (!this.built) return;
    // The hidden layer multiplies each bin with weights of its own.
    const [height, width] = this.variable('hidden/kernel').shape as [number, number];
    requireBins(OWNER, shapes[0], [height, width]);
  }

  override build(inputShape: tfl.Shape | tfl.Shape[]): void {
    const [, height, width, filters] = this.checkedShapes(inputShape)[0] as tfl.Shape;
    if (height == null || width == null || filters == null) {
      throw new Error(
        `${OWNER}: input shape ${JSON.stringify(inputShape)}; expected [regions, bins, bins, channels] with ` +
          'known bins, such as [null, 7, 7, 256]',
      );
    }
    const parts = boxParts([height, width, filters], this.hidden, this.units);
    this.buildOrUndo(inputShape, () => {
      this.addWeights(parts);
      for (let i = 0; i < this.convs; i++) {
        const module = new ConvModule({ name: `shared_${i}`, filters, kernelSize: 3 });
        this.addSublayer(module, `shared_${i}`, [null, null, null, filters]);
      }
    });
  }

  override computeOutputShape(inputShape: tfl.Shape | tfl.Shape[]): tfl.Shape[] {
    const [batch = null] = inputShape as tfl.Shape;
    return [
      [batch, this.units + 1],
      [batch, 4 * this.units],
    ];
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: CallKwargs = {}): tf.Tensor[] {
    const [x] = this.checkedTensors(inputs);
    return tf.tidy(() => {
      const features = this.sublayers.reduce((y, module) => through(module, y, kwargs), x);
      const product = flatProduct(features, this.variable('hidden/kernel'));
      const hidden = addBias(product, this.variable('hidden/bias'), true);
      return [this.project('classes', hidden), this.project('deltas', hidden)];
    });
  }

  override getConfig(): tf.serialization.ConfigDict {
    const { units, convs, hidden } = this;
    return { ...super.getConfig(), units, convs, hidden };
  }
}
