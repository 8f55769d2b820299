/** The two language models that are compared: reversible columns, and blocks one after another. */
import * as tf from '@tensorflow/tfjs';

import { layers } from 'tfjs-revcol/layers';
import { createLanguageModel } from 'tfjs-revcol/models';
import { modelOfPieces, type Pieces } from './pieces';

/** What both have in common. */
export interface Size {
  vocabulary: number;
  width: number;
  heads: number;
  dropout: number;
}

/** How a RevCol is arranged. */
export interface ColumnShape {
  columns: number;
  /** Blocks per level. */
  depths: readonly number[];
}

/** What else can be said of a RevCol. */
export interface RevColSettings extends ColumnShape {
  /** The gradients are the same in both; `'stored'` takes more memory. */
  backprop?: 'reversible' | 'stored';
  /** Number of parameters that the hidden width is chosen for. Default: that of a hidden width of 4 times the width. */
  parameters?: number;
}

/** What can be said of an ordinary transformer. */
export interface TransformerSettings {
  blocks: number;
  norm?: 'pre' | 'post';
  attention?: 'dot' | 'cosine';
}

/** Columns with six blocks in all. */
export const COLUMNS: ColumnShape = { columns: 3, depths: [1, 1] };
/** As many. */
export const BLOCKS: TransformerSettings = { blocks: 6 };

/** A causal language model of reversible columns. */
export function revColModel(
  { vocabulary, width, heads, dropout }: Size,
  { columns, depths, backprop, parameters }: RevColSettings = COLUMNS,
): tf.LayersModel {
  const blocks = columns * depths.reduce((a, b) => a + b, 0);
  const build = (intermediateDim: number) =>
    createLanguageModel({
      vocabularySize: vocabulary,
      width,
      numHeads: heads,
      intermediateDim,
      columns,
      depths: [...depths],
      dropout,
      tieEmbeddings: false,
      backprop,
    });
  if (parameters === undefined) return build(4 * width);
  return ofSize(parameters, blocks * (2 * width + 1), build);
}

/**
 * An ordinary causal transformer, whose hidden width is chosen to give as many parameters as
 * `parameters` allows.
 */
export function transformerModel(
  size: Size,
  parameters: number,
  settings = BLOCKS,
): tf.LayersModel {
  return ofSize(parameters, settings.blocks * (2 * size.width + 1), (hidden) =>
    stackedModel(size, settings, hidden),
  );
}

/** Pieces of a RevCol, whose hidden width is chosen in the same way. */
export function modelOf(size: Size, parameters: number, pieces: Pieces): tf.LayersModel {
  const blocks = pieces.columns * pieces.depths.reduce((a, b) => a + b, 0);
  return ofSize(parameters, blocks * (2 * size.width + 1), (hidden) =>
    modelOfPieces(size, pieces, hidden),
  );
}

/** The model with as many parameters as are allowed, `perHidden` of them for each channel of the hidden width. */
function ofSize(
  parameters: number,
  perHidden: number,
  build: (hidden: number) => tf.LayersModel,
): tf.LayersModel {
  const least = build(1);
  const missing = parameters - least.countParams();
  least.dispose();
  return build(1 + Math.floor(missing / perHidden));
}

function stackedModel(
  { vocabulary, width, heads, dropout }: Size,
  { blocks, norm, attention }: TransformerSettings,
  hidden: number,
): tf.LayersModel {
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
  for (let i = 0; i < blocks; i++) {
    const block = layers.transformerEncoderBlock({
      numHeads: heads,
      intermediateDim: hidden,
      useCausalMask: true,
      dropout,
      norm,
      attention,
    });
    features = block.apply(features) as tf.SymbolicTensor;
  }
  const head = layers.tokenHead({ units: vocabulary });
  return tf.model({ inputs: ids, outputs: head.apply(features) as tf.SymbolicTensor });
}
