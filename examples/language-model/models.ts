/** The two language models that are compared: reversible columns, and blocks one after another. */
import * as tf from '@tensorflow/tfjs';

import { layers } from 'tfjs-revcol/layers';
import { createLanguageModel } from 'tfjs-revcol/models';

/** What both have in common. */
export interface Size {
  vocabulary: number;
  width: number;
  heads: number;
  dropout: number;
}

/** Columns of the RevCol, and blocks per level. */
const [COLUMNS, DEPTHS] = [3, [1, 1]];
/** Blocks of the ordinary transformer: as many as in all columns. */
const BLOCKS = 6;

/** A causal language model of reversible columns. */
export function revColModel({ vocabulary, width, heads, dropout }: Size): tf.LayersModel {
  return createLanguageModel({
    vocabularySize: vocabulary,
    width,
    numHeads: heads,
    columns: COLUMNS,
    depths: DEPTHS,
    dropout,
    tieEmbeddings: false,
  });
}

/**
 * An ordinary causal transformer, whose hidden width is chosen to give as many parameters as
 * `parameters` allows.
 */
export function transformerModel(size: Size, parameters: number): tf.LayersModel {
  const perHidden = BLOCKS * (2 * size.width + 1);
  const least = stackedModel(size, 1);
  const missing = parameters - least.countParams();
  least.dispose();
  return stackedModel(size, 1 + Math.floor(missing / perHidden));
}

function stackedModel({ vocabulary, width, heads, dropout }: Size, hidden: number): tf.LayersModel {
  const ids = tf.input({ shape: [null], dtype: 'int32' });
  // As createLanguageModel has it.
  const embedding = layers.tokenEmbedding({
    inputDim: vocabulary,
    outputDim: width,
    maskZero: true,
    positions: 'sinusoidal',
    scale: Math.sqrt(width),
    dropout,
    initializerRange: width ** -0.5,
  });
  let features = embedding.apply(ids) as tf.SymbolicTensor;
  for (let i = 0; i < BLOCKS; i++) {
    const block = layers.transformerEncoderBlock({
      numHeads: heads,
      intermediateDim: hidden,
      useCausalMask: true,
      dropout,
    });
    features = block.apply(features) as tf.SymbolicTensor;
  }
  const head = layers.tokenHead({ units: vocabulary });
  return tf.model({ inputs: ids, outputs: head.apply(features) as tf.SymbolicTensor });
}
