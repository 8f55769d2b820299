/** The decoder of a translation model as one layer. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { requireInteger } from '../../common/arguments';
import { layerNorm } from '../../ops/layer_norm';
import { rowProducts } from '../../ops/row_products';
import { lastToken } from '../../ops/sequence_pooling';
import type { LayerArgs, LayerOptionNames } from '../base/checked_layer';
import { type FourVariables, hasLostWeights, variablesOf } from '../base/composite_layer';
import { IDS } from '../base/input_axes';
import { toShapes } from '../base/inputs';
import { kindOf } from '../base/own_classes';
import { type SequenceKwargs } from '../base/sequence_call';
import { SequenceLayer } from '../base/sequence_layer';
import { instantiate, type LayerOrConfig, serializeTemplate } from '../base/template';
import { TransformerDecoderBlock } from './decoder_block';
import { normSpecs } from './specs';
import { TokenEmbedding } from './token_embedding';
import { TokenHead } from './token_head';

const OWNER = 'TranslationDecoder';

/** Arguments of `TranslationDecoder`. */
export type TranslationDecoderArgs = LayerArgs & TranslationDecoderOptions;

interface TranslationDecoderOptions {
  /** Template of the target's embedding: a `TokenEmbedding`. */
  embedding: LayerOrConfig;
  /** Template of the blocks: a `TransformerDecoderBlock`. */
  block: LayerOrConfig;
  /** Number of blocks, from 1. */
  depth: number;
  /**
   * Whether the logits are products with the target's embeddings (Press and Wolf 2017, arXiv
   * 1608.05859), which takes as many weights less. Default true.
   */
  tieEmbeddings?: boolean;
}

/**
 * Decoder of a translation model: embedding, blocks with cross-attention to the normalised memory,
 * LayerNorm and, at every position, logits of the token that follows.
 *
 * Input: `[ids, memory, memoryMask]`, ids `[batch, time]` int32, memory `[batch, s, any width]`,
 * memoryMask `[batch, s]` of 0 and 1. Output: logits `[batch, time, vocabulary]`, float32. Called
 * with `{ cache }` (a `KeyValueCache`), only the new tokens go in and come out; the memory counts at
 * the first such call only.
 *
 * @throws {Error} when a template is of another class or the inputs are not these three
 */
export class TranslationDecoder extends SequenceLayer {
  static className = 'RevColTranslationDecoder';
  static override readonly optionNames: object = {
    embedding: true,
    block: true,
    depth: true,
    tieEmbeddings: true,
  } satisfies LayerOptionNames<TranslationDecoderArgs>;

  private readonly args: Required<TranslationDecoderOptions>;
  private embedding: TokenEmbedding;
  private head: TokenHead | null = null;

  constructor(args = {} as TranslationDecoderArgs) {
    super(args);
    this.takes({
      axes: [IDS, ['batch', 's', 'width'], ['batch', 's']],
      form: '[ids, memory, memoryMask], that is [batch, time], [batch, s, width] and [batch, s]',
    });
    const { embedding, block, depth, tieEmbeddings = true } = args;
    this.args = { embedding, block, depth, tieEmbeddings };
    requireInteger(OWNER, 'depth', depth, 1);
    this.embedding = this.makeEmbedding();
  }

  private makeEmbedding(): TokenEmbedding {
    const layer = instantiate(OWNER, this.args.embedding, 'embedding');
    if (layer instanceof TokenEmbedding) return layer;
    throw new Error(
      `${OWNER}: embedding is a ${kindOf(layer)}; expected layers.tokenEmbedding(...)`,
    );
  }

  private makeBlock(index: number): TransformerDecoderBlock {
    const layer = instantiate(OWNER, this.args.block, `block_${index}`);
    if (layer instanceof TransformerDecoderBlock) return layer;
    throw new Error(
      `${OWNER}: block is a ${kindOf(layer)}; expected layers.transformerDecoderBlock(...)`,
    );
  }

  override build(inputShape: tfl.Shape | tfl.Shape[]): void {
    const [ids, memory] = this.checkedShapes(inputShape) as [tfl.Shape, tfl.Shape];
    const memoryWidth = memory[2] as number;
    const { depth, tieEmbeddings } = this.args;
    const { width, vocabularySize } = this.embedding;
    if (hasLostWeights(this.embedding)) this.embedding = this.makeEmbedding();
    this.buildOrUndo(inputShape, () => {
      this.addSpecs(normSpecs('memory_norm', memoryWidth));
      const features = [...ids, width];
      this.addSublayer(this.embedding, 'embedding', ids);
      for (let i = 0; i < depth; i++) {
        this.addSublayer(this.makeBlock(i), `block_${i}`, [features, memory, memory.slice(0, 2)]);
      }
      if (tieEmbeddings) {
        this.addSpecs(normSpecs('norm', width));
      } else {
        this.head = new TokenHead({ name: 'head', units: vocabularySize });
        this.addSublayer(this.head, 'head', features);
      }
    });
  }

  override computeOutputShape(inputShape: tfl.Shape | tfl.Shape[]): tfl.Shape {
    return [...(toShapes(inputShape)[0] as tfl.Shape), this.embedding.vocabularySize];
  }

  /** The embedding's: where ids are not 0, if it has `maskZero`. */
  protected override outputMask(inputs: tf.Tensor | tf.Tensor[]) {
    return this.embedding.computeMask((inputs as tf.Tensor[])[0] as tf.Tensor);
  }

  /**
   * @param kwargs.cache keys and values of earlier tokens; only the new tokens are given then
   * @param kwargs.lastOnly whether to give the logits of the last token alone, `[batch, 1,
   *   vocabulary]`
   */
  override call(
    inputs: tf.Tensor | tf.Tensor[],
    kwargs: SequenceKwargs & { lastOnly?: boolean } = {},
  ): tf.Tensor {
    const [ids, memory, memoryMask] = this.checkedTensors(inputs) as [
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
    ];
    const { training, cache } = kwargs;
    const startIndex = cache?.length ?? 0;
    return tf.tidy(() => {
      const weights = variablesOf(this._trainableWeights);
      const [memoryGamma, memoryBeta] = weights as [tf.Variable, tf.Variable];
      const mask = this.embedding.computeMask(ids) as tf.Tensor;
      // Cross-attention reads its memory once per cache.
      const normed = startIndex > 0 ? memory : layerNorm(memory, memoryGamma, memoryBeta);
      let x = this.embedding.apply(ids, { training, startIndex }) as tf.Tensor;
      for (const block of this.blocks) {
        x = block.apply([x, normed, memoryMask], { training, cache, mask }) as tf.Tensor;
      }
      if (kwargs.lastOnly) x = lastToken(x);
      if (this.head) return this.head.apply(x) as tf.Tensor;
      const [, , gamma, beta] = weights as FourVariables;
      return rowProducts(layerNorm(x, gamma, beta), this.embedding.table);
    });
  }

  private get blocks(): tfl.layers.Layer[] {
    return this.sublayers.slice(1, 1 + this.args.depth);
  }

  override getConfig(): tf.serialization.ConfigDict {
    const { embedding, block, depth, tieEmbeddings } = this.args;
    return {
      ...super.getConfig(),
      embedding: serializeTemplate(embedding),
      block: serializeTemplate(block),
      depth,
      tieEmbeddings,
    };
  }
}
