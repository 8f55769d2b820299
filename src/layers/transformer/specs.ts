/** Names, shapes and roles of the weights of transformer blocks. */
import type * as tf from '@tensorflow/tfjs-core';

import type { AttentionWeights } from '../../ops/attention/multi_head';
import type { MlpWeights } from '../../ops/blocks/mlp';
import type { NormWeights } from '../../ops/blocks/norm';
import type { ProjectionKind } from '../base/projections';
import type { WeightSpec } from '../base/weight_specs';

/** What decides the weights of an attention. */
export interface AttentionLayout {
  /** Channels of the queries' source and of the output. */
  width: number;
  /** Channels of the keys' source. */
  memoryWidth: number;
  /** Channels of the values' source. */
  valueWidth: number;
  numHeads: number;
  keyDim: number;
  valueDim: number;
  cosine: boolean;
}

/** Initial logarithm of the inverse temperature (Liu et al. 2022, arXiv 2111.09883). */
export const LOGIT_SCALE_INIT = Math.log(10);

/** The projections of an attention, by their names in `attentionSpecs`. */
export function attentionProjections(prefix: string): Record<string, ProjectionKind> {
  const names = ['query', 'key', 'value', 'attention_output'];
  return Object.fromEntries(names.map((name) => [`${prefix}${name}`, 'attention']));
}

/** The projections of a feed-forward network, by their names in `mlpSpecs`. */
export function mlpProjections(prefix: string): Record<string, ProjectionKind> {
  return { [`${prefix}expand`]: 'pointwise', [`${prefix}project`]: 'pointwise' };
}

/** Weights of an attention, in the order of `AttentionWeights`; names as in Keras's layer. */
export function attentionSpecs(prefix: string, layout: AttentionLayout): WeightSpec[] {
  const { width, memoryWidth, valueWidth, numHeads, keyDim, valueDim, cosine } = layout;
  const dense = (name: string, kernel: number[], bias: number[]): WeightSpec[] => [
    { name: `${prefix}${name}/kernel`, shape: kernel, init: 'truncatedNormal' },
    { name: `${prefix}${name}/bias`, shape: bias, init: 0 },
  ];
  return [
    ...dense('query', [width, numHeads, keyDim], [numHeads, keyDim]),
    ...dense('key', [memoryWidth, numHeads, keyDim], [numHeads, keyDim]),
    ...dense('value', [valueWidth, numHeads, valueDim], [numHeads, valueDim]),
    ...dense('attention_output', [numHeads, valueDim, width], [width]),
    ...(cosine
      ? [{ name: `${prefix}logit_scale`, shape: [numHeads], init: LOGIT_SCALE_INIT }]
      : []),
  ];
}

/** Weights of a feed-forward network, in the order of `MlpWeights`. */
export function mlpSpecs(prefix: string, width: number, hidden: number): WeightSpec[] {
  return [
    { name: `${prefix}expand/kernel`, shape: [width, hidden], init: 'truncatedNormal' },
    { name: `${prefix}expand/bias`, shape: [hidden], init: 0 },
    { name: `${prefix}project/kernel`, shape: [hidden, width], init: 'truncatedNormal' },
    { name: `${prefix}project/bias`, shape: [width], init: 0 },
  ];
}

/** Weights of an encoder block, attention first; by default four times as wide between. */
export function encoderBlockSpecs(
  attention: AttentionLayout,
  hidden = 4 * attention.width,
): WeightSpec[] {
  const { width } = attention;
  return [
    ...normSpecs('attention_norm', width),
    ...attentionSpecs('attention/', attention),
    ...normSpecs('feedforward_norm', width),
    ...mlpSpecs('feedforward/', width, hidden),
  ];
}

/** Weights of a patch embedding. */
export function patchEmbeddingSpecs(
  patchSize: number,
  channels: number,
  filters: number,
  patches: number,
): WeightSpec[] {
  return [
    {
      name: 'projection/kernel',
      shape: [patchSize, patchSize, channels, filters],
      init: 'truncatedNormal',
    },
    { name: 'projection/bias', shape: [filters], init: 0 },
    { name: 'position_embeddings', shape: [patches, filters], init: 'truncatedNormal' },
  ];
}

/** Weights of a LayerNorm. */
export function normSpecs(name: string, width: number): WeightSpec[] {
  return [
    { name: `${name}/gamma`, shape: [width], init: 1 },
    { name: `${name}/beta`, shape: [width], init: 0 },
  ];
}

/** The variables of `attentionSpecs` by role. */
export function toAttentionWeights(
  variables: readonly tf.Variable[],
): AttentionWeights<tf.Variable> {
  const [
    queryKernel,
    queryBias,
    keyKernel,
    keyBias,
    valueKernel,
    valueBias,
    outputKernel,
    outputBias,
    logitScale,
  ] = variables;
  return {
    queryKernel,
    queryBias,
    keyKernel,
    keyBias,
    valueKernel,
    valueBias,
    outputKernel,
    outputBias,
    logitScale,
  } as AttentionWeights<tf.Variable>;
}

/** The variables of `mlpSpecs` by role. */
export function toMlpWeights(variables: readonly tf.Variable[]): MlpWeights<tf.Variable> {
  const [expandKernel, expandBias, projectKernel, projectBias] = variables;
  return { expandKernel, expandBias, projectKernel, projectBias } as MlpWeights<tf.Variable>;
}

/** The variables of `normSpecs` by role. */
export function toNormWeights(variables: readonly tf.Variable[]): NormWeights<tf.Variable> {
  const [gamma, beta] = variables;
  return { gamma, beta } as NormWeights<tf.Variable>;
}
