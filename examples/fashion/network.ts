/** The networks that the example trains. */
import * as tf from '@tensorflow/tfjs';

import { ConvNextBlock, RevColBackbone, RevColHead, RevColStem } from 'tfjs-revcol/layers';
import { createModel } from 'tfjs-revcol/models';
import { SIDE } from './data';

/** What a network of our own is made of. */
interface Network {
  columns: number;
  channels: readonly number[];
  depths: readonly number[];
  kernelSize: number;
  /** Filters of the 3 x 3 convolution that comes before the stem's patches of 2 x 2 pixels. */
  stemFilters: number;
}

/** The sizes by name; null: `revcol_femto` as it is in the package. */
export const SIZES = {
  femto: null,
  small: {
    columns: 2,
    channels: [32, 96, 192],
    depths: [1, 1, 1],
    kernelSize: 5,
    stemFilters: 16,
  },
} as const satisfies Record<string, Network | null>;

export type SizeName = keyof typeof SIZES;

/** What the blocks' layer scales begin with: the published 1e-6 is for networks of dozens of blocks. */
const LAYER_SCALE = 1;

type Backprop = 'reversible' | 'stored';

/**
 * A network with random weights, for normalised pictures `[batch, 28, 28, 1]`.
 *
 * @param backprop the gradients are the same in both; `'stored'` is faster and takes more memory
 */
export function network(size: SizeName, backprop: Backprop): tf.LayersModel {
  const own = SIZES[size];
  return own ? build(own, backprop) : femto(backprop);
}

function femto(backprop: Backprop): tf.LayersModel {
  const model = createModel('revcol_femto', { backprop });
  for (const weight of model.weights) {
    if (!weight.originalName.endsWith('/layer_scale')) continue;
    tf.tidy(() =>
      (weight.read() as tf.Variable).assign(tf.fill(weight.shape as number[], LAYER_SCALE)),
    );
  }
  return model;
}

/** The published stem sees patches that do not overlap, too coarse for seams and buttons of a pixel or two. */
export function build(own: Network, backprop: Backprop): tf.LayersModel {
  const [filters] = own.channels as [number];
  const stem = tf.sequential({
    layers: [
      tf.layers.conv2d({
        name: 'conv',
        inputShape: [SIDE, SIDE, 1],
        filters: own.stemFilters,
        kernelSize: 3,
        padding: 'same',
        activation: 'relu',
      }),
      new RevColStem({ name: 'patches', filters, patchSize: 2 }),
    ],
  });
  const image = tf.input({ shape: [SIDE, SIDE, 1], name: 'image' });
  const features = new RevColBackbone({
    name: 'backbone',
    columns: own.columns,
    channels: [...own.channels],
    depths: [...own.depths],
    stem,
    block: new ConvNextBlock({ kernelSize: own.kernelSize, layerScaleInit: LAYER_SCALE }),
    backprop,
  }).apply(image);
  const logits = new RevColHead({ name: 'head', units: 10 }).apply(features);
  const model = tf.model({ inputs: image, outputs: logits as tf.SymbolicTensor });
  spreadKernels(model);
  return model;
}

/**
 * Draws the kernels anew so that values keep their size, with deviation `fanIn ** -0.5`. The published 0.02 suits
 * hundreds of channels and hundreds of epochs; of a few dozen channels the blocks hardly say anything at first.
 */
function spreadKernels(model: tf.LayersModel): void {
  for (const weight of model.trainableWeights) {
    const shape = weight.shape as number[];
    if (shape.length < 2) continue;
    const isDepthwise = weight.originalName.endsWith('/depthwise/kernel');
    const fanIn = tf.util.sizeFromShape(isDepthwise ? shape.slice(0, 2) : shape.slice(0, -1));
    tf.tidy(() =>
      (weight.read() as tf.Variable).assign(tf.truncatedNormal(shape, 0, fanIn ** -0.5)),
    );
  }
}
