/** Networks of this package, from what a workload says. */
import * as tfl from '@tensorflow/tfjs-layers';

import { createModel, layers } from 'tfjs-revcol';
import type { Network, NetworkWorkload } from '../suite/workload';

/** How the backward pass gets its activations. */
export type Backprop = 'reversible' | 'stored';

/**
 * The network of a workload, with weights as they are initialised: images `[batch, side, side,
 * channels]` to logits `[batch, classes]`, or of every fourth pixel, or ids `[batch, length]` to logits of every token.
 */
export function buildModel(
  { network, extent }: Pick<NetworkWorkload, 'network' | 'extent'>,
  backprop: Backprop,
): tfl.LayersModel {
  if (network.kind !== 'tokens') {
    const { columns, channels, depths, patchSize, kernelSize, classes, inputChannels } = network;
    const inputShape: [number, number, number] = [extent, extent, inputChannels];
    const sizes = { columns, channels, depths, patchSize, kernelSize, inputShape };
    const options = { ...sizes, backprop, numClasses: classes };
    return network.kind === 'image'
      ? createModel('revcol_tiny', options)
      : createModel('upernet_revcol_tiny.ade20k_512', {
          ...options,
          headChannels: network.headChannels,
        });
  }
  const { columns, levels, depth, width, heads, vocabulary } = network;
  const perLevel = (value: number) => Array.from({ length: levels }, () => value);
  return tfl.sequential({
    layers: [
      layers.revColBackbone({
        name: 'backbone',
        inputShape: [extent],
        dtype: 'int32',
        isotropic: true,
        columns,
        channels: perLevel(width),
        depths: perLevel(depth),
        stem: layers.tokenEmbedding({
          inputDim: vocabulary,
          outputDim: width,
          positions: 'sinusoidal',
          scale: 1, // as in the networks of the peers
        }),
        block: layers.transformerEncoderBlock({ numHeads: heads, useCausalMask: true }),
        backprop,
      }),
      tfl.layers.dense({ name: 'head', units: vocabulary }),
    ],
  });
}

/** Number of logits of a sample, pixel or token. */
export function logitsOf(network: Network): number {
  return network.kind === 'tokens' ? network.vocabulary : network.classes;
}
