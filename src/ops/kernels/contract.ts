/**
 * The contract between operations and backends: every fused kernel that a backend may have, with its
 * name, inputs, attributes and outputs. An operation runs one of these where the backend in use has
 * it, and does the same with tfjs's own operations where it has not (`fused.ts`); the folders beside
 * this file hold the kernels of single backends. All tensors are float32, but where a contract says
 * otherwise.
 */

import type { KernelContract } from './kernel_contract';

export type { KernelContract } from './kernel_contract';
export * from './optimizer_contracts';

/**
 * Product of matrices, `op(a) op(b) + bias`: a `[M, K]`, or `[K, M]` with transposeA; b `[K, N]`, or
 * `[N, K]` with transposeB; bias `[N]`. Gives `[M, N]`.
 */
export const MAT_MUL = {
  name: 'RevColMatMul',
  inputs: ['a', 'b'],
  optionalInputs: ['bias'],
  attributes: { transposeA: 'boolean', transposeB: 'boolean' },
  outputs: ['product'],
} as const satisfies KernelContract;

/**
 * Products of matrices, one per batch entry: a `[batch, M, K]`, or `[batch, K, M]` with transposeA;
 * b `[batch, K, N]`, or `[batch, N, K]` with transposeB. Gives `[batch, M, N]`.
 */
export const BATCH_MAT_MUL = {
  name: 'RevColBatchMatMul',
  inputs: ['a', 'b'],
  optionalInputs: [],
  attributes: { transposeA: 'boolean', transposeB: 'boolean' },
  outputs: ['product'],
} as const satisfies KernelContract;

/** Sum over the rows of a matrix x, `[M, N]` to `[N]`: the gradient of a bias. */
export const COLUMN_SUM = {
  name: 'RevColColumnSum',
  inputs: ['x'],
  optionalInputs: [],
  attributes: {},
  outputs: ['sums'],
} as const satisfies KernelContract;

/**
 * Normalisation of x `[..., C]` over its last axis. Gives xhat `(x - mean) rstd`, `[..., C]`, and rstd
 * `1 / sqrt(variance + epsilon)`, `[..., 1]`, with the biased variance.
 */
export const LAYER_NORM = {
  name: 'RevColLayerNorm',
  inputs: ['x'],
  optionalInputs: [],
  attributes: { epsilon: 'number' },
  outputs: ['xhat', 'rstd'],
} as const satisfies KernelContract;

/**
 * Gradient of the normalisation, `rstd (dy - mean(dy) - xhat mean(dy xhat))` with means over the last
 * axis: dy and xhat `[..., C]`, rstd `[..., 1]`. Gives `[..., C]`.
 */
export const LAYER_NORM_GRAD = {
  name: 'RevColLayerNormGrad',
  inputs: ['dy', 'xhat', 'rstd'],
  optionalInputs: [],
  attributes: {},
  outputs: ['dx'],
} as const satisfies KernelContract;

/** That gradient times gamma first: of a normalisation with a scale gamma `[C]`. */
export const AFFINE_NORM_GRAD = {
  name: 'RevColAffineNormGrad',
  inputs: ['dy', 'gamma', 'xhat', 'rstd'],
  optionalInputs: [],
  attributes: {},
  outputs: ['dx'],
} as const satisfies KernelContract;

/** Sum over all axes but the last of the products of elements, x and y `[..., N]`. Gives `[N]`. */
export const PRODUCT_SUM = {
  name: 'RevColProductSum',
  inputs: ['x', 'y'],
  optionalInputs: [],
  attributes: {},
  outputs: ['sums'],
} as const satisfies KernelContract;

/**
 * `x scale + other`, with scale `[C]` for the last axis of x `[..., C]`, and other of x's shape or `[C]`: the
 * scale and shift of a normalisation, or a level's share of the previous column. Gives `[..., C]`.
 */
export const SCALED_SUM = {
  name: 'RevColScaledAddition',
  inputs: ['x', 'scale', 'other'],
  optionalInputs: [],
  attributes: {},
  outputs: ['y'],
} as const satisfies KernelContract;

/** `(c - f) / alpha`, which undoes a level: c and f `[..., C]`, alpha `[C]`. Gives `[..., C]`. */
export const UNDO_LEVEL = {
  name: 'RevColUndoLevel',
  inputs: ['c', 'f', 'alpha'],
  optionalInputs: [],
  attributes: {},
  outputs: ['previous'],
} as const satisfies KernelContract;

/** x `[B, H, W, C]`, each pixel twice as high and wide, plus other. Gives `[B, 2 H, 2 W, C]`, other's shape. */
export const DOUBLED_SUM = {
  name: 'RevColDoubledSum',
  inputs: ['x', 'other'],
  optionalInputs: [],
  attributes: {},
  outputs: ['y'],
} as const satisfies KernelContract;

/** Gradient of that with respect to x: sums of squares of four pixels of dy `[B, 2 H, 2 W, C]`. Gives `[B, H, W, C]`. */
export const DOUBLED_GRAD = {
  name: 'RevColDoubledGrad',
  inputs: ['dy'],
  optionalInputs: [],
  attributes: {},
  outputs: ['dx'],
} as const satisfies KernelContract;

/**
 * Patches of an image, one row each: x `[B, H, W, C]` to `[B floor(H / size) floor(W / size), size size C]`.
 * Rows and columns that fill no patch are dropped.
 */
export const PATCHES = {
  name: 'RevColPatches',
  inputs: ['x'],
  optionalInputs: [],
  attributes: { size: 'number' },
  outputs: ['rows'],
} as const satisfies KernelContract;

/**
 * Puts such rows back into an image of that height and width, with zeros elsewhere. Gives
 * `[batch, height, width, C]`.
 */
export const FROM_PATCHES = {
  name: 'RevColFromPatches',
  inputs: ['rows'],
  optionalInputs: [],
  attributes: { size: 'number', batch: 'number', height: 'number', width: 'number' },
  outputs: ['x'],
} as const satisfies KernelContract;

/** Exact (erf) GELU, `x Phi(x)`, of x of any shape. Gives the same shape. */
export const GELU = {
  name: 'RevColGelu',
  inputs: ['x'],
  optionalInputs: [],
  attributes: {},
  outputs: ['y'],
} as const satisfies KernelContract;

/** Gradient of the exact GELU, `dy (Phi(x) + x phi(x))`: x and dy of one shape. Gives that shape. */
export const GELU_GRAD = {
  name: 'RevColGeluGrad',
  inputs: ['x', 'dy'],
  optionalInputs: [],
  attributes: {},
  outputs: ['dx'],
} as const satisfies KernelContract;

/**
 * Multi-head attention (Vaswani et al. 2017, arXiv 1706.03762): query `[batch, t, heads d]`, key
 * `[batch, s, heads d]`, value `[batch, s, heads e]`, and bias `[batch, s]`, which is added to the scores of a
 * key, where one of -1e9 hides it. Scores are dot products times scale, which is above 0. Query i sees keys up to
 * i + causalOffset; Infinity: all. A query that sees none gives 0. Gives `[batch, t, heads e]`.
 */
export const ATTENTION = {
  name: 'RevColAttentionForward',
  inputs: ['query', 'key', 'value'],
  optionalInputs: ['bias'],
  attributes: { numHeads: 'number', scale: 'number', causalOffset: 'number' },
  outputs: ['output'],
} as const satisfies KernelContract;

/** Gradients of that attention, for its output and the gradient dOutput of it. Give the shapes of the operands. */
export const ATTENTION_GRAD = {
  name: 'RevColAttentionGrad',
  inputs: ['query', 'key', 'value', 'output', 'dOutput'],
  optionalInputs: ['bias'],
  attributes: { numHeads: 'number', scale: 'number', causalOffset: 'number' },
  outputs: ['dQuery', 'dKey', 'dValue'],
} as const satisfies KernelContract;

const BLOCK_WEIGHTS = [
  'gamma',
  'beta',
  'expandKernel',
  'expandBias',
  'projectKernel',
  'projectBias',
  'layerScale',
] as const;

/**
 * The half of a ConvNeXt block after its depthwise convolution:
 * `residual + survival * layerScale * (gelu(h expandKernel + expandBias) projectKernel + projectBias)`
 * with h the normalisation of u over its last axis, times gamma, plus beta. u and residual `[..., C]`;
 * expandKernel `[C, M]`, projectKernel `[M, C]`, expandBias `[M]`, the other vectors `[C]`; survival
 * `[N]`, a factor per entry of the first axis. Gives `[..., C]`.
 */
export const RESIDUAL_MLP = {
  name: 'RevColResidualMlp',
  inputs: ['u', 'residual', ...BLOCK_WEIGHTS],
  optionalInputs: ['survival'],
  attributes: { epsilon: 'number' },
  outputs: ['y'],
} as const satisfies KernelContract;

/** The same, with what spares the gradient a product: kept `[rows, M]`, of values that only the gradient reads. */
export const RESIDUAL_MLP_KEPT = {
  ...RESIDUAL_MLP,
  name: 'RevColResidualMlpKept',
  outputs: ['y', 'kept'],
} as const satisfies KernelContract;

/**
 * Gradients of that with respect to u and the weights, given dy, that of y, `[..., C]`. The one with respect
 * to residual is dy.
 */
export const RESIDUAL_MLP_GRAD = {
  name: 'RevColResidualMlpGrad',
  inputs: ['u', 'dy', ...BLOCK_WEIGHTS],
  optionalInputs: ['survival', 'kept'],
  attributes: { epsilon: 'number' },
  outputs: [
    'du',
    'dGamma',
    'dBeta',
    'dExpandKernel',
    'dExpandBias',
    'dProjectKernel',
    'dProjectBias',
    'dLayerScale',
  ],
} as const satisfies KernelContract;

/**
 * Depthwise convolution with stride 1 and 'same' padding, plus bias: x `[B, H, W, C]`, kernel
 * `[K, K, C, 1]`, bias `[C]`. Gives `[B, H, W, C]`.
 */
export const DEPTHWISE = {
  name: 'RevColDepthwise',
  inputs: ['x', 'kernel', 'bias'],
  optionalInputs: [],
  attributes: {},
  outputs: ['y'],
} as const satisfies KernelContract;

/** Gradient of that with respect to x, plus other: dy and other `[B, H, W, C]`. Gives this shape. */
export const DEPTHWISE_INPUT_GRAD = {
  name: 'RevColDepthwiseInputGrad',
  inputs: ['dy', 'kernel', 'other'],
  optionalInputs: [],
  attributes: {},
  outputs: ['dx'],
} as const satisfies KernelContract;

/** Gradients of that with respect to kernel, of which the shape alone counts here, and bias. */
export const DEPTHWISE_KERNEL_GRAD = {
  name: 'RevColDepthwiseKernelGrad',
  inputs: ['x', 'dy', 'kernel'],
  optionalInputs: [],
  attributes: {},
  outputs: ['dKernel', 'dBias'],
} as const satisfies KernelContract;
