/** The transformer encoder block, with a hand-written gradient for reversible columns. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { requireRate } from '../../common/arguments';
import { MlpFunction } from '../../ops/blocks/mlp';
import { NormFunction } from '../../ops/blocks/norm';
import { ResidualFunction } from '../../ops/blocks/residual';
import { SelfAttentionFunction } from '../../ops/blocks/self_attention';
import { drawSeed } from '../../ops/engine/random';
import type { LevelFunction } from '../../ops/reversible/level_function';
import type { LayerArgs, LayerOptionNames } from '../base/checked_layer';
import { variablesOf } from '../base/composite_layer';
import { SEQUENCE } from '../base/input_axes';
import type { DifferentiatedLayer } from '../base/level_function_of';
import { firstMask, fittingMask } from '../base/masks';
import type { ProjectingLayer } from '../base/projections';
import { checkCache, type SequenceKwargs } from '../base/sequence_call';
import { SequenceLayer } from '../base/sequence_layer';
import {
  BLOCK_OPTIONS,
  blockAttention,
  blockAttentionConfig,
  resolveBlockOptions,
  type ResolvedBlockOptions,
  type TransformerBlockOptions,
} from './options';
import {
  type AttentionLayout,
  attentionProjections,
  encoderBlockSpecs,
  mlpProjections,
  toAttentionWeights,
  toMlpWeights,
  toNormWeights,
} from './specs';

const OWNER = 'TransformerEncoderBlock';

/** Arguments of `TransformerEncoderBlock`. */
export type TransformerEncoderBlockArgs = LayerArgs &
  TransformerBlockOptions & {
    /** Stochastic depth: probability that a sample skips the block in training. Default 0. */
    dropRate?: number;
  };

/**
 * Transformer encoder block: self-attention, then a feed-forward network with exact GELU, each a
 * residual branch with a LayerNorm. With `useCausalMask` the block of a language model.
 *
 * Made for reversible columns: it brings a hand-written backward pass that recomputes attention
 * scores, so it is as lean inside a `RevColBackbone` as the built-in block.
 *
 * Input and output: `[batch, time, width]`, float32. A mask `[batch, time]` hides keys.
 *
 * @throws {Error} when an argument is out of range, when the input is of another rank or of unknown width,
 *   or when the width does not divide by the heads and no keyDim is given
 */
export class TransformerEncoderBlock
  extends SequenceLayer
  implements DifferentiatedLayer, ProjectingLayer
{
  static className = 'RevColTransformerEncoderBlock';
  static override readonly optionNames: object = {
    ...BLOCK_OPTIONS,
    dropRate: true,
  } satisfies LayerOptionNames<TransformerEncoderBlockArgs>;

  readonly projections = {
    ...attentionProjections('attention/'),
    ...mlpProjections('feedforward/'),
  };
  private readonly options: ResolvedBlockOptions;
  private readonly dropRate: number;
  private layout: AttentionLayout | null = null;

  constructor(args = {} as TransformerEncoderBlockArgs) {
    super(args);
    this.takes({ axes: [SEQUENCE] });
    this.options = resolveBlockOptions(OWNER, args, false);
    this.dropRate = args.dropRate ?? 0;
    requireRate(OWNER, 'dropRate', this.dropRate);
  }

  override build(inputShape: tfl.Shape | tfl.Shape[]): void {
    const width = this.checkedShapes(inputShape)[0][2] as number;
    const { intermediateDim, initializerRange } = this.options;
    const layout = blockAttention(OWNER, this.options, width);
    const specs = encoderBlockSpecs(layout, intermediateDim ?? undefined);
    this.buildOrUndo(inputShape, () => void this.addSpecs(specs, true, initializerRange));
    this.layout = layout;
  }

  override computeOutputShape(inputShape: tfl.Shape | tfl.Shape[]): tfl.Shape | tfl.Shape[] {
    return inputShape;
  }

  get differentiatedCall(): tfl.layers.Layer['call'] {
    return TransformerEncoderBlock.prototype.call;
  }

  /** Whether the block can run token by token on cached keys and values. */
  get isCausal(): boolean {
    return this.options.useCausalMask;
  }

  levelFunction(trainable: boolean, dropRate = 0): LevelFunction {
    const { norm, layerNormEpsilon, dropout } = this.options;
    const variables = variablesOf(this._trainableWeights);
    const take = (count: number) => variables.splice(0, count);
    const layout = this.layout as AttentionLayout;
    const attentionNorm = new NormFunction(toNormWeights(take(2)), layerNormEpsilon, trainable);
    const attention = new SelfAttentionFunction(
      toAttentionWeights(take(layout.cosine ? 9 : 8)),
      blockAttentionConfig(this.options, layout),
      trainable,
    );
    const mlpNorm = new NormFunction(toNormWeights(take(2)), layerNormEpsilon, trainable);
    const mlp = new MlpFunction(toMlpWeights(take(4)), trainable);
    const branches =
      norm === 'pre'
        ? [
            [attentionNorm, attention],
            [mlpNorm, mlp],
          ]
        : [
            [attention, attentionNorm],
            [mlp, mlpNorm],
          ];
    return new ResidualFunction(branches, { dropout, dropRate: Math.max(dropRate, this.dropRate) });
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: SequenceKwargs = {}): tf.Tensor {
    const [x] = this.checkedTensors(inputs);
    const { training = false, cache } = kwargs;
    checkCache(OWNER, kwargs, this.isCausal);
    const mask = fittingMask(OWNER, x, firstMask(kwargs.mask));
    const context = { training, seed: drawSeed(), mask, caches: cache };
    return tf.tidy(() => this.levelFunction(this.trainable).forward([x], context));
  }

  override getConfig() {
    return { ...super.getConfig(), ...this.options, dropRate: this.dropRate };
  }
}
