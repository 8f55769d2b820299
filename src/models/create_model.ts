import * as tf from '@tensorflow/tfjs-layers';

import { requireInteger } from '../layers/arguments';
import { RevColHead } from '../layers/head';
import { RevColBackbone, type RevColBackboneArgs } from '../layers/rev_col_backbone';
import { modelRecord, type ModelName } from '../registry/models';

/** Options of `createModel`; those left out are the named size's own. */
export interface CreateModelOptions extends Pick<
  RevColBackboneArgs,
  | 'columns'
  | 'channels'
  | 'depths'
  | 'kernelSize'
  | 'patchSize'
  | 'topFusion'
  | 'dropPathRate'
  | 'backprop'
  | 'anchorEvery'
> {
  /** `[height, width, channels]` of the images. Default: that of the weight set, else [224, 224, 3]. */
  inputShape?: [number, number, number];
  /** Number of classes. Default: that of the weight set, else 1000. */
  numClasses?: number;
}

/**
 * Builds a RevCol image classifier as a `tf.LayersModel`: images `[batch, height, width, 3]`,
 * normalised as the size's preprocessing tells, to logits `[batch, numClasses]`. Weights are random.
 *
 * @param name a size such as `'revcol_tiny'`, see `listModels()`
 * @throws when the name is unknown or an option is out of range
 */
export function createModel(name: ModelName, options: CreateModelOptions = {}): tf.LayersModel {
  const { size, weights } = modelRecord(name);
  const numClasses = options.numClasses ?? weights?.numClasses ?? 1000;
  requireInteger('createModel', 'numClasses', numClasses, 1);
  const backbone = new RevColBackbone({
    name: 'backbone',
    columns: options.columns ?? size.columns,
    channels: [...(options.channels ?? size.channels)],
    depths: [...(options.depths ?? size.depths)],
    kernelSize: options.kernelSize ?? size.kernelSize,
    patchSize: options.patchSize ?? size.patchSize,
    topFusion: options.topFusion ?? size.topFusion,
    dropPathRate: options.dropPathRate ?? 0,
    backprop: options.backprop,
    anchorEvery: options.anchorEvery,
  });
  const image = tf.input({ shape: options.inputShape ?? [...(weights?.inputSize ?? [224, 224, 3])], name: 'image' });
  const features = backbone.apply(image) as tf.SymbolicTensor;
  const logits = new RevColHead({ name: 'head', units: numClasses }).apply(features);
  return tf.model({ name, inputs: image, outputs: logits as tf.SymbolicTensor });
}
