import * as tf from '@tensorflow/tfjs-layers';

import { requireInteger, requireLevels } from '../layers/arguments';
import { RevColHead } from '../layers/head';
import { RevColBackbone, type RevColBackboneArgs } from '../layers/rev_col_backbone';
import { TokenEmbedding, type TokenEmbeddingArgs } from '../layers/token_embedding';
import { TokenHead } from '../layers/token_head';
import { TransformerEncoderBlock } from '../layers/transformer_encoder_block';
import type { TransformerBlockOptions } from '../layers/transformer_options';

/** Options of `createTextClassifier` and `createTagger`. */
export interface CreateTextModelOptions
  extends
    Pick<
      TransformerBlockOptions,
      'intermediateDim' | 'attention' | 'norm' | 'dropout' | 'attentionDropout' | 'chunkSize'
    >,
    Pick<RevColBackboneArgs, 'columns' | 'depths' | 'dropPathRate' | 'backprop' | 'anchorEvery'>,
    Pick<TokenEmbeddingArgs, 'sequenceLength'> {
  /** Number of tokens, padding (id 0) included. */
  vocabularySize: number;
  /** Number of classes, of a text or of a token. */
  numClasses: number;
  /** Width of the encoder, a multiple of `numHeads`. Default 256. */
  width?: number;
  /** Heads of every attention. Default 4. */
  numHeads?: number;
  /** `'learned'` needs `sequenceLength`. Default `'sinusoidal'`. */
  positions?: 'learned' | 'sinusoidal';
  /** Name of the model. Default `'text_classifier'` or `'tagger'`. */
  name?: string;
}

/**
 * Builds a classifier of texts as a `tf.LayersModel`: isotropic reversible columns over tokens (paper
 * section 4.4), trained without stored activations, the mean over the tokens that are real, LayerNorm,
 * linear.
 *
 * Input: ids `[batch, time]`, int32, filled up with 0, which is hidden from attention and mean.
 * Output: logits `[batch, numClasses]`, float32. Weights are random.
 *
 * @throws when an option is out of range
 */
export function createTextClassifier(options: CreateTextModelOptions): tf.LayersModel {
  return textModel('createTextClassifier', 'text_classifier', RevColHead, options);
}

/**
 * Builds a tagger as a `tf.LayersModel`: the encoder of `createTextClassifier`, and logits of a class
 * for every token.
 *
 * Input: ids `[batch, time]`, int32, filled up with 0, which is hidden from attention. Output: logits
 * `[batch, time, numClasses]`, float32; those of padding mean nothing, so train with a loss that
 * leaves it out, such as `tokenCrossEntropy`. Weights are random.
 *
 * @throws when an option is out of range
 */
export function createTagger(options: CreateTextModelOptions): tf.LayersModel {
  return textModel('createTagger', 'tagger', TokenHead, options);
}

function textModel(
  owner: string,
  defaultName: string,
  Head: typeof RevColHead | typeof TokenHead,
  options: CreateTextModelOptions,
): tf.LayersModel {
  const { vocabularySize, numClasses, width = 256, columns = 4, depths = [1, 1, 1, 1] } = options;
  requireInteger(owner, 'vocabularySize', vocabularySize, 2);
  requireInteger(owner, 'numClasses', numClasses, 1);
  requireInteger(owner, 'width', width, 1);
  const channels = depths.map(() => width);
  requireLevels(owner, channels, depths);
  const { dropout = 0.1, intermediateDim, attention, norm, attentionDropout, chunkSize } = options;
  // All layers check their arguments before any of them makes weights.
  const encoder = new RevColBackbone({
    name: 'encoder',
    isotropic: true,
    columns,
    channels,
    depths: [...depths],
    dropPathRate: options.dropPathRate ?? 0,
    backprop: options.backprop,
    anchorEvery: options.anchorEvery,
    stem: new TokenEmbedding({
      inputDim: vocabularySize,
      outputDim: width,
      maskZero: true,
      positions: options.positions ?? 'sinusoidal',
      sequenceLength: options.sequenceLength,
      scale: Math.sqrt(width),
      dropout,
      // Scaled inputs then have unit deviation at first.
      initializerRange: width ** -0.5,
    }),
    block: new TransformerEncoderBlock({
      numHeads: options.numHeads ?? 4,
      intermediateDim,
      attention,
      norm,
      dropout,
      attentionDropout,
      chunkSize,
    }),
  });
  const head = new Head({ name: 'head', units: numClasses });
  const ids = tf.input({ shape: [null], dtype: 'int32', name: 'ids' });
  const logits = head.apply(encoder.apply(ids) as tf.SymbolicTensor) as tf.SymbolicTensor;
  return tf.model({ name: options.name ?? defaultName, inputs: ids, outputs: logits });
}
