import { tidy, type Tensor } from '@tensorflow/tfjs-core';
import type * as tf from '@tensorflow/tfjs-layers';

import { drawSeed } from '../ops/random';
import type { Stage } from '../ops/reversible/stage';
import { ResidualStage } from '../ops/transformer_block';
import { MlpStage } from '../ops/transformer_mlp';
import { NormStage } from '../ops/transformer_norm';
import { SelfAttentionStage } from '../ops/transformer_self_attention';
import { requireRate } from './arguments';
import { CompositeLayer, variablesOf } from './composite_layer';
import type { StagedLayer } from './stage_of';
import {
  checkCache,
  firstMask,
  fittingMask,
  sequenceWidth,
  toTensors,
  withoutMaskMetadata,
  type SequenceKwargs,
} from './transformer_masks';
import {
  blockAttention,
  blockAttentionConfig,
  resolveBlockOptions,
  type ResolvedBlockOptions,
  type TransformerBlockOptions,
} from './transformer_options';
import {
  attentionSpecs,
  mlpSpecs,
  normSpecs,
  toAttentionWeights,
  toMlpWeights,
  toNormWeights,
  type AttentionLayout,
} from './transformer_specs';

type LayerArgs = ConstructorParameters<typeof tf.layers.Layer>[0];
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
 * @throws when an argument is out of range, when the input is of another rank or of unknown width,
 *   or when the width does not divide by the heads and no keyDim is given
 */
export class TransformerEncoderBlock extends CompositeLayer implements StagedLayer {
  static className = 'RevColTransformerEncoderBlock';

  private readonly options: ResolvedBlockOptions;
  private readonly dropRate: number;
  private layout: AttentionLayout | null = null;

  constructor(args: TransformerEncoderBlockArgs) {
    super(args);
    this.options = resolveBlockOptions(OWNER, args, false);
    this.dropRate = args.dropRate ?? 0;
    requireRate(OWNER, 'dropRate', this.dropRate);
    this.supportsMasking = true;
    withoutMaskMetadata(this);
  }

  override build(inputShape: tf.Shape | tf.Shape[]): void {
    const width = sequenceWidth(OWNER, inputShape as tf.Shape);
    const { intermediateDim, initializerRange } = this.options;
    const layout = blockAttention(OWNER, this.options, width);
    this.addSpecs(
      [
        ...normSpecs('attention_norm', width),
        ...attentionSpecs('attention/', layout),
        ...normSpecs('feedforward_norm', width),
        ...mlpSpecs('feedforward/', width, intermediateDim ?? 4 * width),
      ],
      true,
      initializerRange,
    );
    this.layout = layout;
    this.built = true;
  }

  override computeOutputShape(inputShape: tf.Shape | tf.Shape[]): tf.Shape | tf.Shape[] {
    return inputShape;
  }

  get stagedCall(): tf.layers.Layer['call'] {
    return TransformerEncoderBlock.prototype.call;
  }

  /** Whether the block can run token by token on cached keys and values. */
  get isCausal(): boolean {
    return this.options.useCausalMask;
  }

  stage(trainable: boolean, dropRate = 0): Stage {
    const { norm, layerNormEpsilon, dropout } = this.options;
    const variables = variablesOf(this._trainableWeights);
    const take = (count: number) => variables.splice(0, count);
    const layout = this.layout as AttentionLayout;
    const attentionNorm = new NormStage(toNormWeights(take(2)), layerNormEpsilon, trainable);
    const attention = new SelfAttentionStage(
      toAttentionWeights(take(layout.cosine ? 9 : 8)),
      blockAttentionConfig(this.options, layout),
      trainable,
    );
    const mlpNorm = new NormStage(toNormWeights(take(2)), layerNormEpsilon, trainable);
    const mlp = new MlpStage(toMlpWeights(take(4)), trainable);
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
    return new ResidualStage(branches, { dropout, dropRate: Math.max(dropRate, this.dropRate) });
  }

  override computeMask(_inputs: Tensor | Tensor[], mask?: Tensor | Tensor[]): Tensor {
    return firstMask(mask) as Tensor;
  }

  override call(inputs: Tensor | Tensor[], kwargs: SequenceKwargs = {}): Tensor {
    const x = toTensors(inputs)[0] as Tensor;
    const { training = false, cache } = kwargs;
    checkCache(OWNER, kwargs, this.isCausal);
    const mask = fittingMask(OWNER, x, firstMask(kwargs.mask));
    const context = { training, seed: drawSeed(), mask, caches: cache };
    return tidy(() => this.stage(this.trainable).forward([x], context));
  }

  override getConfig() {
    return { ...super.getConfig(), ...this.options, dropRate: this.dropRate };
  }
}
