import type * as tf from '@tensorflow/tfjs-layers';

import { LevelFusion } from './level_fusion';
import { TransformerEncoderBlock } from './transformer_encoder_block';

/**
 * Whether layers are known to let no token depend on a later one, so that tokens may be given one
 * after another: built-in fusions and causal transformer blocks.
 */
export function areCausal(layers: readonly tf.layers.Layer[]): boolean {
  return layers.every(
    (layer) =>
      layer instanceof LevelFusion || (layer instanceof TransformerEncoderBlock && layer.isCausal),
  );
}
