/** The two models that are compared: one of reversible columns, one of stacked blocks. */
import * as tf from '@tensorflow/tfjs';

import { layers } from 'tfjs-revcol/layers';
import { createTextClassifier } from 'tfjs-revcol/models';
import { CLASSES, VOCABULARY } from './data';

const [WIDTH, HEADS, DROPOUT] = [48, 4, 0.1];
/** Columns, and blocks per level. */
const [COLUMNS, DEPTHS] = [3, [1, 1]];
/** Blocks of the ordinary model: as many. */
const BLOCKS = 6;

/** Three columns of two levels with a block each. */
export function revColModel(): tf.LayersModel {
  return createTextClassifier({
    vocabularySize: VOCABULARY,
    numClasses: CLASSES.length,
    width: WIDTH,
    numHeads: HEADS,
    columns: COLUMNS,
    depths: DEPTHS,
    dropout: DROPOUT,
  });
}

/**
 * The same embedding, head and blocks, one after another, whose hidden width is chosen to give as
 * many parameters as `parameters` allows.
 */
export function transformerModel(parameters: number): tf.LayersModel {
  const least = stackedModel(1);
  const missing = parameters - least.countParams();
  least.dispose();
  return stackedModel(1 + Math.floor(missing / (BLOCKS * (2 * WIDTH + 1))));
}

function stackedModel(hidden: number): tf.LayersModel {
  const ids = tf.input({ shape: [null], dtype: 'int32' });
  let y = layers
    .tokenEmbedding({
      inputDim: VOCABULARY,
      outputDim: WIDTH,
      maskZero: true,
      positions: 'sinusoidal',
      scale: Math.sqrt(WIDTH),
      dropout: DROPOUT,
      // As createTextClassifier has it.
      initializerRange: WIDTH ** -0.5,
    })
    .apply(ids) as tf.SymbolicTensor;
  for (let i = 0; i < BLOCKS; i++) {
    y = layers
      .transformerEncoderBlock({ numHeads: HEADS, intermediateDim: hidden, dropout: DROPOUT })
      .apply(y) as tf.SymbolicTensor;
  }
  const logits = layers.revColHead({ units: CLASSES.length }).apply(y) as tf.SymbolicTensor;
  return tf.model({ inputs: ids, outputs: logits });
}
