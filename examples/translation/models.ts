/** The two models that are compared: one with a RevCol encoder, one with an ordinary one. */
import * as tf from '@tensorflow/tfjs';

import { layers } from 'tfjs-revcol/layers';
import { createTranslationModel } from 'tfjs-revcol/models';

/** What both have in common. */
export interface Size {
  vocabulary: number;
  width: number;
  heads: number;
  dropout: number;
}

/** Columns of the RevCol encoder, and blocks per level. */
const [COLUMNS, DEPTHS] = [3, [1, 1]];
/** Blocks of the ordinary encoder, and of both decoders. */
const [ENCODER_BLOCKS, DECODER_BLOCKS] = [6, 2];

/** Translation with an encoder of reversible columns. */
export function revColModel({ vocabulary, width, heads, dropout }: Size): tf.LayersModel {
  return createTranslationModel({
    sourceVocabularySize: vocabulary,
    targetVocabularySize: vocabulary,
    width,
    numHeads: heads,
    columns: COLUMNS,
    depths: DEPTHS,
    decoderDepth: DECODER_BLOCKS,
    dropout,
  });
}

/**
 * The same with as many transformer blocks one after another, whose hidden width is chosen to give
 * as many parameters as `parameters` allows.
 */
export function transformerModel(size: Size, parameters: number): tf.LayersModel {
  const { width } = size;
  const perHidden = ENCODER_BLOCKS * (2 * width + 1);
  const least = stackedModel(size, 1);
  const missing = parameters - least.countParams();
  least.dispose();
  return stackedModel(size, 1 + Math.floor(missing / perHidden));
}

function stackedModel({ vocabulary, width, heads, dropout }: Size, hidden: number): tf.LayersModel {
  const embedding = () =>
    layers.tokenEmbedding({
      inputDim: vocabulary,
      outputDim: width,
      maskZero: true,
      positions: 'sinusoidal',
      scale: Math.sqrt(width),
      dropout,
      initializerRange: width ** -0.5,
    });
  // As createTranslationModel has it.
  const initializerRange = Math.sqrt(2 / (5 * width));
  const source = tf.input({ shape: [null], dtype: 'int32' });
  const target = tf.input({ shape: [null], dtype: 'int32' });
  let memory = embedding().apply(source) as tf.SymbolicTensor;
  for (let i = 0; i < ENCODER_BLOCKS; i++) {
    const block = layers.transformerEncoderBlock({
      numHeads: heads,
      intermediateDim: hidden,
      dropout,
      initializerRange,
    });
    memory = block.apply(memory) as tf.SymbolicTensor;
  }
  const memoryMask = layers.paddingMask().apply(source) as tf.SymbolicTensor;
  const logits = layers
    .translationDecoder({
      embedding: embedding(),
      block: layers.transformerDecoderBlock({ numHeads: heads, dropout, initializerRange }),
      depth: DECODER_BLOCKS,
    })
    .apply([target, memory, memoryMask]) as tf.SymbolicTensor;
  return tf.model({ inputs: [source, target], outputs: logits });
}
