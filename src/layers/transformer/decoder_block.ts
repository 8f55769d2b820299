/** The transformer decoder block: self-attention, cross-attention, feed-forward network. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { show } from '../../common/arguments';
import { decoderBlock, type DecoderParts } from '../../ops/blocks/decoder';
import { drawSeed } from '../../ops/engine/random';
import type { LayerArgs, LayerOptionNames } from '../base/checked_layer';
import { variablesOf } from '../base/composite_layer';
import { SEQUENCE } from '../base/input_axes';
import { type Shapes, toShapes } from '../base/inputs';
import { firstMask, fittingMask, secondMask } from '../base/masks';
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
  attentionSpecs,
  mlpProjections,
  mlpSpecs,
  normSpecs,
  toAttentionWeights,
  toMlpWeights,
  toNormWeights,
} from './specs';

const OWNER = 'TransformerDecoderBlock';

/** Arguments of `TransformerDecoderBlock`. `useCausalMask` is true by default. */
export type TransformerDecoderBlockArgs = LayerArgs & TransformerBlockOptions;

/**
 * Transformer decoder block: causal self-attention, cross-attention to a memory, feed-forward
 * network with exact GELU, each a residual branch with a LayerNorm.
 *
 * Input: `[x, memory]` or `[x, memory, memoryMask]`, `x` `[batch, time, width]`, memory `[batch, s,
 * any width]`, memoryMask `[batch, s]` of 0 and 1; `x` alone builds a block without cross-attention.
 * The mask of `x` hides keys of self-attention. tfjs passes on no masks of further inputs, so give
 * the memory's explicitly (see `PaddingMask`). Output: `[batch, time, width]`. float32.
 *
 * @throws {Error} when an argument is out of range, when an input is of another rank or of unknown width,
 *   when the width does not divide by the heads and no keyDim is given, or when the number of inputs
 *   is not that of the first call
 */
export class TransformerDecoderBlock extends SequenceLayer implements ProjectingLayer {
  static className = 'RevColTransformerDecoderBlock';
  static override readonly optionNames: object = {
    ...BLOCK_OPTIONS,
  } satisfies LayerOptionNames<TransformerDecoderBlockArgs>;

  readonly projections = {
    ...attentionProjections('self_attention/'),
    ...attentionProjections('cross_attention/'),
    ...mlpProjections('feedforward/'),
  };
  private readonly options: ResolvedBlockOptions;
  private layout: AttentionLayout | null = null;
  private hasMemory = false;

  constructor(args = {} as TransformerDecoderBlockArgs) {
    super(args);
    this.takes({
      axes: [SEQUENCE, ['batch', 's', 'width'], ['batch', 's']],
      counts: [1, 2, 3],
      form: 'x, [x, memory] or [x, memory, memoryMask]',
    });
    this.options = resolveBlockOptions(OWNER, args, true);
  }

  protected override checkInputs(shapes: Shapes): void {
    super.checkInputs(shapes);
    if (!this.built || shapes.length > 1 === this.hasMemory) return;
    throw new Error(
      `${OWNER}: ${this.name} was built ${this.hasMemory ? 'with' : 'without'} cross-attention, ` +
        `but called with inputs ${show(shapes)}; give ` +
        (this.hasMemory ? '[x, memory]' : 'x alone'),
    );
  }

  override build(inputShape: tfl.Shape | tfl.Shape[]): void {
    const [x, memory] = this.checkedShapes(inputShape);
    const width = x[2] as number;
    this.hasMemory = memory != null;
    const memoryWidth = memory?.[2] ?? width;
    const layout = blockAttention(OWNER, this.options, width);
    const cross = blockAttention(OWNER, this.options, width, memoryWidth);
    const { intermediateDim, initializerRange } = this.options;
    const specs = [
      ...normSpecs('self_attention_norm', width),
      ...attentionSpecs('self_attention/', layout),
      ...(this.hasMemory
        ? [
            ...normSpecs('cross_attention_norm', width),
            ...attentionSpecs('cross_attention/', cross),
          ]
        : []),
      ...normSpecs('feedforward_norm', width),
      ...mlpSpecs('feedforward/', width, intermediateDim ?? 4 * width),
    ];
    this.buildOrUndo(inputShape, () => void this.addSpecs(specs, true, initializerRange));
    this.layout = layout;
  }

  override computeOutputShape(inputShape: tfl.Shape | tfl.Shape[]): tfl.Shape {
    return toShapes(inputShape)[0] as tfl.Shape;
  }

  private parts(): DecoderParts {
    const variables = variablesOf(this._trainableWeights);
    const take = (count: number) => variables.splice(0, count);
    const layout = this.layout as AttentionLayout;
    const count = layout.cosine ? 9 : 8;
    const selfNorm = toNormWeights(take(2));
    const selfAttention = toAttentionWeights(take(count));
    const crossNorms = this.hasMemory ? [toNormWeights(take(2))] : [];
    const crossAttention = this.hasMemory ? toAttentionWeights(take(count)) : undefined;
    const { norm, layerNormEpsilon, dropout } = this.options;
    return {
      selfAttention,
      crossAttention,
      norms: [selfNorm, ...crossNorms, toNormWeights(take(2))],
      mlp: toMlpWeights(take(4)),
      attention: blockAttentionConfig(this.options, layout),
      norm,
      epsilon: layerNormEpsilon,
      dropRate: dropout,
    };
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: SequenceKwargs = {}): tf.Tensor {
    const [x, memory, memoryMask] = this.checkedTensors(inputs);
    const { training = false, cache } = kwargs;
    checkCache(OWNER, kwargs, this.options.useCausalMask);
    const mask = fittingMask(OWNER, x, firstMask(kwargs.mask));
    const tokens = memory && {
      tokens: memory,
      mask: fittingMask(OWNER, memory, memoryMask ?? secondMask(kwargs.mask)),
    };
    const context = { training, seed: drawSeed(), mask, caches: cache };
    return tf.tidy(() => decoderBlock(x, tokens ?? null, this.parts(), context));
  }

  override getConfig() {
    return { ...super.getConfig(), ...this.options };
  }
}
