/** A causal language model as one layer: backbone, LayerNorm, logits. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { show } from '../../common/arguments';
import { layerNorm } from '../../ops/layer_norm';
import { rowProducts } from '../../ops/row_products';
import { lastToken } from '../../ops/sequence_pooling';
import type { LayerArgs, LayerOptionNames } from '../base/checked_layer';
import { hasLostWeights, variablesOf } from '../base/composite_layer';
import { IDS } from '../base/input_axes';
import { kindOf } from '../base/own_classes';
import { type SequenceKwargs } from '../base/sequence_call';
import { SequenceLayer } from '../base/sequence_layer';
import { instantiate, type LayerOrConfig, serializeTemplate } from '../base/template';
import { RevColBackbone } from '../columns/rev_col_backbone';
import { normSpecs } from './specs';
import { TokenEmbedding } from './token_embedding';
import { TokenHead } from './token_head';

const OWNER = 'RevColLanguageModel';

/** Arguments of `RevColLanguageModel`. */
export type RevColLanguageModelArgs = LayerArgs & {
  /**
   * Template of the backbone: a `RevColBackbone` with a `TokenEmbedding` as its stem, blocks with
   * `useCausalMask`, and `output: 'last'`.
   */
  backbone: LayerOrConfig;
  /**
   * Whether the logits are products with the embeddings (Press and Wolf 2017, arXiv 1608.05859),
   * which takes as many weights less. The top level must then be as wide as the embeddings. Default
   * true.
   */
  tieEmbeddings?: boolean;
};

/**
 * Causal language model: a backbone over tokens, then LayerNorm and, at every position, logits of
 * the token that follows.
 *
 * Input: ids `[batch, time]`, int32. Output: logits `[batch, time, vocabulary]`, float32. Called with
 * `{ cache }` (a `KeyValueCache`), only the new tokens go in and come out.
 *
 * @throws {Error} when the backbone's stem is no `TokenEmbedding`, when it gives more than one output, or
 *   when embeddings of another width than the top level are to be tied
 */
export class RevColLanguageModel extends SequenceLayer {
  static className = 'RevColLanguageModel';
  static override readonly optionNames: object = {
    backbone: true,
    tieEmbeddings: true,
  } satisfies LayerOptionNames<RevColLanguageModelArgs>;

  private readonly template: LayerOrConfig;
  private readonly tied: boolean;
  private backbone: RevColBackbone;
  private head: TokenHead | null = null;

  constructor(args = {} as RevColLanguageModelArgs) {
    super(args);
    this.takes({ axes: [IDS] });
    this.template = args.backbone;
    this.tied = args.tieEmbeddings ?? true;
    this.backbone = this.makeBackbone();
  }

  private makeBackbone(): RevColBackbone {
    const layer = instantiate(OWNER, this.template, 'backbone');
    const isBackbone = layer instanceof RevColBackbone;
    if (isBackbone && layer.stem instanceof TokenEmbedding) return layer;
    throw new Error(
      `${OWNER}: backbone is a ${kindOf(layer)}` +
        (isBackbone ? ` with a ${kindOf(layer.stem)} as its stem` : '') +
        `; expected layers.revColBackbone({ stem: layers.tokenEmbedding(...), ... })`,
    );
  }

  private get embedding(): TokenEmbedding {
    return this.backbone.stem as TokenEmbedding;
  }

  override build(inputShape: tfl.Shape | tfl.Shape[]): void {
    this.checkedShapes(inputShape);
    const features = this.featureShape(inputShape);
    const width = features[2] as number;
    const { vocabularySize, width: embedded } = this.embedding;
    if (this.tied && width !== embedded) {
      throw new Error(
        `${OWNER}: embeddings of width ${embedded} cannot be tied to features of width ${width}; ` +
          `set tieEmbeddings: false, or give the stem and the top level one width`,
      );
    }
    if (hasLostWeights(this.backbone)) this.backbone = this.makeBackbone();
    this.buildOrUndo(inputShape, () => {
      this.addSublayer(this.backbone, 'backbone', inputShape);
      if (this.tied) {
        this.addSpecs(normSpecs('norm', width));
      } else {
        this.head = new TokenHead({ name: 'head', units: vocabularySize });
        this.addSublayer(this.head, 'head', features);
      }
    });
  }

  private featureShape(inputShape: tfl.Shape | tfl.Shape[]): tfl.Shape {
    const shape = this.backbone.computeOutputShape(inputShape);
    if (!Array.isArray(shape[0])) return shape as tfl.Shape;
    throw new Error(
      `${OWNER}: the backbone gives ${shape.length} outputs, ${show(shape as tfl.Shape[])}; set ` +
        `output: 'last'`,
    );
  }

  override computeOutputShape(inputShape: tfl.Shape | tfl.Shape[]): tfl.Shape {
    return [...this.featureShape(inputShape).slice(0, 2), this.embedding.vocabularySize];
  }

  protected override outputMask(inputs: tf.Tensor | tf.Tensor[], mask?: tf.Tensor | tf.Tensor[]) {
    return this.backbone.computeMask(inputs, mask);
  }

  /**
   * @param kwargs.mask which tokens are real, `[batch, time]`, unless the embedding knows
   * @param kwargs.cache keys and values of earlier tokens; only the new tokens are given then
   * @param kwargs.lastOnly whether to give the logits after the last token alone, `[batch, 1,
   *   vocabulary]`
   */
  override call(
    inputs: tf.Tensor | tf.Tensor[],
    kwargs: SequenceKwargs & { lastOnly?: boolean } = {},
  ): tf.Tensor {
    const [ids] = this.checkedTensors(inputs);
    const { training, mask, cache, lastOnly } = kwargs;
    return tf.tidy(() => {
      const features = this.backbone.apply(ids, { training, mask, cache }) as tf.Tensor;
      const x = lastOnly ? lastToken(features) : features;
      if (this.head) return this.head.apply(x) as tf.Tensor;
      const [gamma, beta] = variablesOf(this._trainableWeights) as [tf.Variable, tf.Variable];
      return rowProducts(layerNorm(x, gamma, beta), this.embedding.table);
    });
  }

  override getConfig(): tf.serialization.ConfigDict {
    return {
      ...super.getConfig(),
      backbone: serializeTemplate(this.template),
      tieEmbeddings: this.tied,
    };
  }
}
