/** Reversible columns over tokens, as all models of text have them. */
import { requireInteger, requireOneOf } from '../common/arguments';
import type { OptionNames } from '../common/options';
import { requireLevels } from '../layers/columns/column_arguments';
import { FUSION_PATHS, type FusionPaths } from '../layers/columns/fusion_paths';
import { RevColBackbone, type RevColBackboneArgs } from '../layers/columns/rev_col_backbone';
import { TransformerEncoderBlock } from '../layers/transformer/encoder_block';
import type { TransformerBlockOptions } from '../layers/transformer/options';
import { TokenEmbedding, type TokenEmbeddingArgs } from '../layers/transformer/token_embedding';

/** What all models of text have in common. */
export interface TokenOptions
  extends
    Pick<
      TransformerBlockOptions,
      'intermediateDim' | 'attention' | 'norm' | 'dropout' | 'attentionDropout' | 'chunkSize'
    >,
    Pick<RevColBackboneArgs, 'columns' | 'depths' | 'dropPathRate' | 'backprop' | 'anchorEvery'>,
    Pick<TokenEmbeddingArgs, 'sequenceLength'> {
  /** Width of the columns, a multiple of `numHeads`. Default 256. */
  width?: number;
  /** Heads of every attention. Default 4. */
  numHeads?: number;
  /** `'learned'` needs `sequenceLength`. Default `'sinusoidal'`. */
  positions?: 'learned' | 'sinusoidal';
  /** Standard deviation of the blocks' initial kernels. Default 0.02. */
  initializerRange?: number;
  /**
   * What a level does with what it reads of other levels: `'linear'` (default), linear layer and LayerNorm
   * as in the paper (section 2.2, figure 2c); `'norm'`, LayerNorm alone, with which a small language model
   * learned better.
   */
  fusion?: FusionPaths;
}

/** Their names. */
export const TOKEN_OPTIONS: OptionNames<TokenOptions> = {
  intermediateDim: true,
  attention: true,
  norm: true,
  dropout: true,
  attentionDropout: true,
  chunkSize: true,
  columns: true,
  depths: true,
  dropPathRate: true,
  backprop: true,
  anchorEvery: true,
  sequenceLength: true,
  width: true,
  numHeads: true,
  positions: true,
  initializerRange: true,
  fusion: true,
};

/** What models of one text have in common. */
export interface TokenColumnsOptions extends TokenOptions {
  /** Number of tokens, padding (id 0) included. */
  vocabularySize: number;
}

/** Their names. */
export const TOKEN_COLUMNS_OPTIONS: OptionNames<TokenColumnsOptions> = {
  ...TOKEN_OPTIONS,
  vocabularySize: true,
};

/** What one kind of model sets for all. */
interface ColumnsSettings<Vocabulary extends string> {
  /** Of the layer. */
  name: string;
  /** The option that holds the number of tokens. */
  vocabulary: Vocabulary;
  /** Whether no token may see a later one. */
  useCausalMask?: boolean;
}

/**
 * Isotropic reversible columns over tokens (paper section 4.4); id 0 is padding.
 *
 * @param owner function name for the messages
 * @throws {Error} when an option is out of range; no weight has been made then
 */
export function tokenColumns<Vocabulary extends string>(
  owner: string,
  options: TokenOptions & Record<Vocabulary, number>,
  { name, vocabulary, ...settings }: ColumnsSettings<Vocabulary>,
): RevColBackbone {
  const { columns = 4, depths = [1, 1, 1, 1], fusion = 'linear' } = options;
  const stem = tokenEmbedding(owner, options, vocabulary);
  const channels = depths.map(() => widthOf(options));
  requireLevels(owner, channels, depths);
  requireOneOf(owner, 'fusion', fusion, FUSION_PATHS);
  return new RevColBackbone({
    name,
    isotropic: true,
    columns,
    channels,
    depths: [...depths],
    dropPathRate: options.dropPathRate ?? 0,
    backprop: options.backprop,
    anchorEvery: options.anchorEvery,
    stem,
    fusion,
    block: new TransformerEncoderBlock({ ...blockOptions(options), ...settings }),
  });
}

/**
 * Embeds tokens with their positions; id 0 is padding.
 *
 * @param owner function name for the messages
 * @param vocabulary the option that holds the number of tokens
 * @throws {Error} when that number or the width is out of range
 */
export function tokenEmbedding<Vocabulary extends string>(
  owner: string,
  options: TokenOptions & Record<Vocabulary, number>,
  vocabulary: Vocabulary,
): TokenEmbedding {
  const width = widthOf(options);
  const inputDim: number = options[vocabulary];
  requireInteger(owner, vocabulary, inputDim, 2);
  requireInteger(owner, 'width', width, 1);
  return new TokenEmbedding({
    inputDim,
    outputDim: width,
    maskZero: true,
    positions: options.positions ?? 'sinusoidal',
    sequenceLength: options.sequenceLength,
    dropout: dropoutOf(options),
  });
}

/** Options of a transformer block of the columns or of a decoder. */
export function blockOptions(options: TokenOptions): TransformerBlockOptions {
  const { numHeads = 4, intermediateDim, attention, norm, attentionDropout, chunkSize } = options;
  const { initializerRange } = options;
  return {
    ...{ numHeads, intermediateDim, attention, norm, attentionDropout, chunkSize },
    dropout: dropoutOf(options),
    initializerRange,
  };
}

export function widthOf({ width = 256 }: TokenOptions): number {
  return width;
}

function dropoutOf({ dropout = 0.1 }: TokenOptions): number {
  return dropout;
}
