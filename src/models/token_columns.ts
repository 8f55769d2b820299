import { requireInteger } from '../common/arguments';
import { requireLevels } from '../layers/columns/column_arguments';
import { RevColBackbone, type RevColBackboneArgs } from '../layers/columns/rev_col_backbone';
import { TransformerEncoderBlock } from '../layers/transformer/encoder_block';
import type { TransformerBlockOptions } from '../layers/transformer/options';
import { TokenEmbedding, type TokenEmbeddingArgs } from '../layers/transformer/token_embedding';

/** What models of one text have in common. */
export interface TokenColumnsOptions
  extends
    Pick<
      TransformerBlockOptions,
      'intermediateDim' | 'attention' | 'norm' | 'dropout' | 'attentionDropout' | 'chunkSize'
    >,
    Pick<RevColBackboneArgs, 'columns' | 'depths' | 'dropPathRate' | 'backprop' | 'anchorEvery'>,
    Pick<TokenEmbeddingArgs, 'sequenceLength'> {
  /** Number of tokens, padding (id 0) included. */
  vocabularySize: number;
  /** Width of the columns, a multiple of `numHeads`. Default 256. */
  width?: number;
  /** Heads of every attention. Default 4. */
  numHeads?: number;
  /** `'learned'` needs `sequenceLength`. Default `'sinusoidal'`. */
  positions?: 'learned' | 'sinusoidal';
}

/**
 * Isotropic reversible columns over tokens (paper section 4.4); id 0 is padding.
 *
 * @param owner function name for the messages
 * @param name of the layer
 * @param useCausalMask whether no token may see a later one
 * @throws {Error} when an option is out of range; no weight has been made then
 */
export function tokenColumns(
  owner: string,
  name: string,
  useCausalMask: boolean,
  options: TokenColumnsOptions,
): RevColBackbone {
  const { vocabularySize, width = 256, columns = 4, depths = [1, 1, 1, 1] } = options;
  requireInteger(owner, 'vocabularySize', vocabularySize, 2);
  requireInteger(owner, 'width', width, 1);
  const channels = depths.map(() => width);
  requireLevels(owner, channels, depths);
  const { dropout = 0.1, intermediateDim, attention, norm, attentionDropout, chunkSize } = options;
  return new RevColBackbone({
    name,
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
      // Scaled inputs then have unit deviation at first, and tied logits as well.
      initializerRange: width ** -0.5,
    }),
    block: new TransformerEncoderBlock({
      numHeads: options.numHeads ?? 4,
      useCausalMask,
      intermediateDim,
      attention,
      norm,
      dropout,
      attentionDropout,
      chunkSize,
    }),
  });
}
