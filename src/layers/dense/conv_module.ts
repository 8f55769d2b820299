/** What segmentation heads are made of: convolution, batch normalisation, ReLU. */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import {
  batchMoments,
  batchNorm,
  type RunningStatistics,
  stepStatistics,
} from '../../ops/dense/batch_norm';
import { conv } from '../../ops/dense/conv';
import type { LayerArgs, LayerOptionNames } from '../base/checked_layer';
import { CompositeLayer, variablesOf } from '../base/composite_layer';
import { IMAGE } from '../base/input_axes';
import { batchNormSpecs, convSpec, runningSpecs } from '../base/weight_specs';

/** Arguments of `ConvModule`. */
export type ConvModuleArgs = LayerArgs & {
  /** Channels of the output. */
  filters: number;
  /** Side of the kernel: odd. */
  kernelSize: number;
};

/**
 * Convolution without bias (stride 1, padding to the same size), batch normalisation, ReLU:
 * mmcv's `ConvModule` as mmsegmentation's heads use it.
 *
 * In training the statistics are those of the batch, and the running ones step once; a frozen module,
 * and inference, go by the running ones.
 *
 * Input: `[batch, height, width, in]`, output `[batch, height, width, filters]`, float32.
 */
export class ConvModule extends CompositeLayer {
  static className = 'RevColConvModule';
  static override readonly optionNames: object = {
    filters: true,
    kernelSize: true,
  } satisfies LayerOptionNames<ConvModuleArgs>;

  private readonly filters: number;
  private readonly kernelSize: number;
  /** Weights in the order of `RunningStatistics`. */
  private running: tfl.LayerVariable[] = [];

  constructor(args: ConvModuleArgs) {
    super(args);
    this.takes({ axes: [IMAGE] });
    this.filters = args.filters;
    this.kernelSize = args.kernelSize;
  }

  override build(inputShape: tfl.Shape | tfl.Shape[]): void {
    const channels = this.checkedShapes(inputShape)[0][3] as number;
    const { kernelSize: k, filters } = this;
    this.buildOrUndo(inputShape, () => {
      // He et al. 2015 (arXiv 1502.01852), by the number of outputs, as mmcv begins.
      this.addSpecs([convSpec(k, channels, filters)], true, Math.sqrt(2 / (k * k * filters)));
      this.addSpecs(batchNormSpecs(filters));
      this.running = this.addSpecs(runningSpecs(filters), false);
    });
  }

  override computeOutputShape(inputShape: tfl.Shape | tfl.Shape[]): tfl.Shape {
    return [...(inputShape as tfl.Shape).slice(0, 3), this.filters];
  }

  override call(
    inputs: tf.Tensor | tf.Tensor[],
    { training = false }: { training?: boolean } = {},
  ): tf.Tensor {
    const [x] = this.checkedTensors(inputs);
    const [kernel, gamma, beta] = variablesOf(this._trainableWeights) as [
      tf.Variable,
      tf.Variable,
      tf.Variable,
    ];
    const [mean, variance, batches] = variablesOf(this.running) as [
      tf.Variable,
      tf.Variable,
      tf.Variable,
    ];
    const running: RunningStatistics = { mean, variance, batches };
    return tf.tidy(() => {
      const y = conv(x, kernel);
      const ofBatch = training && this.isTrainedWithin;
      if (!ofBatch) return batchNorm(y, gamma, beta, running, { ofBatch, relu: true });
      const moments = batchMoments(y);
      stepStatistics(running, moments, y.shape);
      return batchNorm(y, gamma, beta, moments, { ofBatch, relu: true });
    });
  }

  override getConfig() {
    return { ...super.getConfig(), filters: this.filters, kernelSize: this.kernelSize };
  }
}
