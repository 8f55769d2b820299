/** What segmentation heads share: modules of convolutions, dropout of channels, logits of classes. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { requireInteger, requireRate } from '../../common/arguments';
import { channelDropout } from '../../ops/dense/channel_dropout';
import { drawSeed } from '../../ops/engine/random';
import { linear } from '../../ops/linear';
import type { LayerArgs } from '../base/checked_layer';
import { CompositeLayer, variablesOf } from '../base/composite_layer';
import { logitsSpecs } from '../base/weight_specs';
import { ConvModule } from './conv_module';
import type { HeadModule } from './modules';

/** Arguments that segmentation heads share. */
export interface SegmentationHeadOptions {
  /** Number of classes. */
  units: number;
  /** Dropout of whole channels before the logits, in training, in [0, 1). Default 0.1. */
  dropout?: number;
}

/** What a call of a head may say. */
export interface HeadKwargs {
  training?: boolean;
}

/** Deviation of the weights that give the logits, as mmsegmentation begins. */
const LOGITS_STDDEV = 0.01;

/**
 * A head that makes logits of classes for every pixel of a map of features. Subclasses say what stands
 * before the logits.
 */
export abstract class SegmentationHead extends CompositeLayer {
  protected readonly units: number;
  protected readonly dropout: number;
  /** Channels before the logits. */
  protected readonly filters: number;

  /** @param owner class name for the messages */
  protected constructor(
    owner: string,
    args: LayerArgs & SegmentationHeadOptions & { filters?: number },
    filters: number,
  ) {
    super(args);
    this.units = args.units;
    this.dropout = args.dropout ?? 0.1;
    this.filters = args.filters ?? filters;
    requireInteger(owner, 'units', this.units, 1);
    requireInteger(owner, 'filters', this.filters, 1);
    requireRate(owner, 'dropout', this.dropout);
  }

  /** Adds the modules as sublayers, and the weights of the logits. To be called from `build`. */
  protected addParts(modules: readonly HeadModule[]): void {
    const { filters } = this;
    for (const { path, kernelSize, from } of modules) {
      const module = new ConvModule({ name: path, filters, kernelSize });
      this.addSublayer(module, path, [null, null, null, from]);
    }
    this.addSpecs(logitsSpecs(filters, this.units), true, LOGITS_STDDEV);
  }

  /** Features to logits, `[batch, h, w, filters]` to `[batch, h, w, units]`. */
  protected logitsOf(features: tf.Tensor, { training = false }: HeadKwargs): tf.Tensor {
    const [kernel, bias] = variablesOf(this._trainableWeights) as [tf.Variable, tf.Variable];
    const drops = training && this.dropout > 0;
    return tf.tidy(() => {
      const kept = drops ? channelDropout(features, this.dropout, drawSeed()) : features;
      return linear(kept, kernel, bias);
    });
  }

  override getConfig(): tf.serialization.ConfigDict {
    const { units, dropout, filters } = this;
    return { ...super.getConfig(), units, dropout, filters };
  }
}

/** Applies a module of a head. */
export function through(module: tfl.layers.Layer, x: tf.Tensor, kwargs: HeadKwargs): tf.Tensor {
  return module.apply(x, { ...kwargs }) as tf.Tensor;
}
