/** The options that transformer blocks share: defaults and checks. */
import { requireInteger, requireOneOf, requireRate } from '../../common/arguments';
import type { OptionNames } from '../../common/options';
import type { AttentionConfig } from '../../ops/attention/multi_head';
import { checkAttentionArgs, type MultiHeadAttentionArgs } from './multi_head_attention';
import type { AttentionLayout } from './specs';

/** What encoder and decoder blocks share; names as in tfjs's and Keras's blocks where they exist. */
export type TransformerBlockOptions = Pick<
  MultiHeadAttentionArgs,
  'numHeads' | 'useCausalMask' | 'attention' | 'chunkSize' | 'initializerRange'
> & {
  /** Width of each head's queries, keys and values. Default: width / numHeads. */
  keyDim?: number;
  /** Hidden width of the feed-forward network. Default: 4 * width. */
  intermediateDim?: number;
  /**
   * `'pre'` (default): `x + f(norm(x))`, as in GPT-2; `'post'`: `x + norm(f(x))`, residual post-norm
   * (Liu et al. 2022, arXiv 2111.09883), which goes with cosine attention. (Not the original
   * transformer's `norm(x + f(x))`.)
   */
  norm?: 'pre' | 'post';
  /** Rate at which values of each branch's output are dropped in training, in [0, 1). Default 0. */
  dropout?: number;
  /** Rate at which attention weights are dropped in training, in [0, 1). Default 0. */
  attentionDropout?: number;
  /** Epsilon of the LayerNorms. Default 1e-6. */
  layerNormEpsilon?: number;
};

/** Their names. */
export const BLOCK_OPTIONS: OptionNames<TransformerBlockOptions> = {
  numHeads: true,
  keyDim: true,
  intermediateDim: true,
  useCausalMask: true,
  attention: true,
  chunkSize: true,
  initializerRange: true,
  norm: true,
  dropout: true,
  attentionDropout: true,
  layerNormEpsilon: true,
};

/** Options with their defaults filled in; null where the default depends on the width. */
export type ResolvedBlockOptions = Required<
  Omit<TransformerBlockOptions, 'keyDim' | 'intermediateDim' | 'chunkSize'>
> & { keyDim: number | null; intermediateDim: number | null; chunkSize: number | null };

/**
 * Fills in defaults and checks the values.
 *
 * @param owner class name for the messages
 * @param useCausalMask the default of that option
 */
export function resolveBlockOptions(
  owner: string,
  args: TransformerBlockOptions,
  useCausalMask: boolean,
): ResolvedBlockOptions {
  checkAttentionArgs(owner, args);
  const options: ResolvedBlockOptions = {
    numHeads: args.numHeads,
    keyDim: args.keyDim ?? null,
    intermediateDim: args.intermediateDim ?? null,
    useCausalMask: args.useCausalMask ?? useCausalMask,
    attention: args.attention ?? 'dot',
    chunkSize: args.chunkSize ?? null,
    initializerRange: args.initializerRange ?? 0.02,
    norm: args.norm ?? 'pre',
    dropout: args.dropout ?? 0,
    attentionDropout: args.attentionDropout ?? 0,
    layerNormEpsilon: args.layerNormEpsilon ?? 1e-6,
  };
  if (options.keyDim != null) requireInteger(owner, 'keyDim', options.keyDim, 1);
  if (options.intermediateDim != null) {
    requireInteger(owner, 'intermediateDim', options.intermediateDim, 1);
  }
  requireOneOf(owner, 'norm', options.norm, ['pre', 'post']);
  requireRate(owner, 'attentionDropout', options.attentionDropout);
  return options;
}

/** The width of a head. */
function headWidth(owner: string, options: ResolvedBlockOptions, width: number): number {
  const { keyDim, numHeads } = options;
  if (keyDim != null) return keyDim;
  if (width % numHeads === 0) return width / numHeads;
  throw new Error(
    `${owner}: width ${width} does not divide by ${numHeads} heads; choose numHeads that divides ` +
      `it, or give keyDim`,
  );
}

/** Layout of an attention of a block of a width. */
export function blockAttention(
  owner: string,
  options: ResolvedBlockOptions,
  width: number,
  memoryWidth = width,
): AttentionLayout {
  const keyDim = headWidth(owner, options, width);
  return {
    width,
    memoryWidth,
    valueWidth: memoryWidth,
    numHeads: options.numHeads,
    keyDim,
    valueDim: keyDim,
    cosine: options.attention === 'cosine',
  };
}

/** Configuration of the self-attention of a block. */
export function blockAttentionConfig(
  options: ResolvedBlockOptions,
  { keyDim, numHeads }: AttentionLayout,
): AttentionConfig {
  return {
    numHeads,
    keyDim,
    causal: options.useCausalMask,
    chunkSize: options.chunkSize,
    dropRate: options.attentionDropout,
  };
}
