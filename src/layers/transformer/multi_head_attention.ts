/** Multi-head attention as a layer, for models of one's own. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import {
  requireDeviation,
  requireInteger,
  requireOneOf,
  requireRate,
  show,
} from '../../common/arguments';
import { attend, type AttentionConfig } from '../../ops/attention/multi_head';
import { drawSeed } from '../../ops/engine/random';
import type { LayerArgs, LayerOptionNames } from '../base/checked_layer';
import { variablesOf } from '../base/composite_layer';
import { SEQUENCE } from '../base/input_axes';
import { type Shapes, toShapes } from '../base/inputs';
import { firstMask, fittingMask, secondMask } from '../base/masks';
import type { ProjectingLayer } from '../base/projections';
import { checkCache, type SequenceKwargs } from '../base/sequence_call';
import { SequenceLayer } from '../base/sequence_layer';
import { attentionProjections, attentionSpecs, toAttentionWeights } from './specs';

const OWNER = 'MultiHeadAttention';

/** Arguments of `MultiHeadAttention`; names as in Keras's layer of that name. */
export type MultiHeadAttentionArgs = LayerArgs & {
  /** Number of heads. */
  numHeads: number;
  /** Width of each head's queries and keys. */
  keyDim: number;
  /** Width of each head's values. Default: `keyDim`. */
  valueDim?: number;
  /** Rate at which attention weights are dropped in training, in [0, 1). Default 0. */
  dropout?: number;
  /** Whether a query sees only keys at its own place and before. Default false. */
  useCausalMask?: boolean;
  /**
   * `'dot'` (default): dot products over `sqrt(keyDim)`; `'cosine'`: cosines times a learned factor
   * per head, clamped to at most 100 (Liu et al. 2022, arXiv 2111.09883).
   */
  attention?: 'dot' | 'cosine';
  /**
   * Queries whose scores are in memory at a time; the result does not depend on it. Default: as
   * many as keep the scores below 16 MB.
   */
  chunkSize?: number | null;
  /** Standard deviation of the initial kernels. Default 0.02. */
  initializerRange?: number;
};

/** Keyword arguments of the call. */
export interface MultiHeadAttentionKwargs extends SequenceKwargs {
  /** `[batch or 1, queries, keys]` of 0 and 1: which query may see which key. */
  attentionMask?: tf.Tensor;
}

/** Checks what all attentions share. */
export function checkAttentionArgs(
  owner: string,
  args: Pick<
    MultiHeadAttentionArgs,
    'numHeads' | 'dropout' | 'attention' | 'chunkSize' | 'initializerRange'
  >,
): void {
  requireInteger(owner, 'numHeads', args.numHeads, 1);
  requireRate(owner, 'dropout', args.dropout ?? 0);
  requireOneOf(owner, 'attention', args.attention ?? 'dot', ['dot', 'cosine']);
  if (args.chunkSize != null) requireInteger(owner, 'chunkSize', args.chunkSize, 1);
  requireDeviation(owner, 'initializerRange', args.initializerRange ?? 0);
}

/**
 * Multi-head attention (Vaswani et al. 2017, arXiv 1706.03762). Scores are computed some queries at
 * a time, and again in the backward pass, so that memory does not grow with the square of the
 * length. Weights have the shapes and the order of Keras's layer.
 *
 * Input: `x` for self-attention, or `[query, value]`, `[query, value, key]`, `[query, value, key,
 * keyMask]`, each `[batch, time, width]`; keyMask `[batch, keys]` of 0 and 1. Keys come from `value`
 * unless given. In self-attention the mask of `x` hides keys; tfjs passes on no masks of further
 * inputs, hence the fourth. Output: `[batch, queries, query width]`. float32. A query that sees no
 * key gives the output bias.
 *
 * @throws {Error} when an argument is out of range or an input has another rank or an unknown width
 */
export class MultiHeadAttention extends SequenceLayer implements ProjectingLayer {
  static className = 'RevColMultiHeadAttention';
  static override readonly optionNames: object = {
    numHeads: true,
    keyDim: true,
    valueDim: true,
    dropout: true,
    useCausalMask: true,
    attention: true,
    chunkSize: true,
    initializerRange: true,
  } satisfies LayerOptionNames<MultiHeadAttentionArgs>;

  readonly projections = attentionProjections('');
  private readonly config: AttentionConfig & { valueDim: number; cosine: boolean };
  private readonly initializerRange: number;

  constructor(args = {} as MultiHeadAttentionArgs) {
    super(args);
    this.takes({
      axes: [SEQUENCE, SEQUENCE, SEQUENCE, ['batch', 'keys']],
      counts: [1, 2, 3, 4],
      form: 'x, [query, value], [query, value, key] or [query, value, key, keyMask]',
    });
    checkAttentionArgs(OWNER, args);
    requireInteger(OWNER, 'keyDim', args.keyDim, 1);
    if (args.valueDim != null) requireInteger(OWNER, 'valueDim', args.valueDim, 1);
    this.config = {
      numHeads: args.numHeads,
      keyDim: args.keyDim,
      valueDim: args.valueDim ?? args.keyDim,
      cosine: args.attention === 'cosine',
      causal: args.useCausalMask ?? false,
      chunkSize: args.chunkSize ?? null,
      dropRate: args.dropout ?? 0,
    };
    this.initializerRange = args.initializerRange ?? 0.02;
  }

  protected override checkInputs([query, value = query, key = value, ...rest]: Shapes): void {
    super.checkInputs([query, value, key, ...rest]);
  }

  override build(inputShape: tfl.Shape | tfl.Shape[]): void {
    const [query, value = query, key = value] = this.checkedShapes(inputShape);
    const sources: tfl.Shape[] = [query, value, key];
    const [width, valueWidth, memoryWidth] = sources.map((shape) => shape[2]) as [
      number,
      number,
      number,
    ];
    const layout = { ...this.config, width, valueWidth, memoryWidth };
    const specs = attentionSpecs('', layout);
    this.buildOrUndo(sources, () => void this.addSpecs(specs, true, this.initializerRange));
  }

  override computeOutputShape(inputShape: tfl.Shape | tfl.Shape[]): tfl.Shape {
    return toShapes(inputShape)[0] as tfl.Shape;
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: MultiHeadAttentionKwargs = {}): tf.Tensor {
    const [x, value, key, keyMask] = this.checkedTensors(inputs) as [
      tf.Tensor,
      tf.Tensor?,
      tf.Tensor?,
      tf.Tensor?,
    ];
    const memory = key ?? value ?? x;
    const mask = value ? (keyMask ?? secondMask(kwargs.mask)) : firstMask(kwargs.mask);
    const { attentionMask, cache, training = false } = kwargs;
    checkCache(OWNER, kwargs, memory !== x || this.config.causal);
    checkAttentionMask(attentionMask, x, memory);
    return tf.tidy(() =>
      attend(
        x,
        memory,
        toAttentionWeights(variablesOf(this._trainableWeights)),
        this.config,
        {
          training,
          seed: drawSeed(),
          keyMask: fittingMask(OWNER, memory, mask),
          attentionMask,
          cache,
        },
        value ?? x,
      ),
    );
  }

  override getConfig() {
    const { numHeads, keyDim, valueDim, cosine, causal, chunkSize, dropRate } = this.config;
    return {
      ...super.getConfig(),
      numHeads,
      keyDim,
      valueDim,
      dropout: dropRate,
      useCausalMask: causal,
      attention: cosine ? 'cosine' : 'dot',
      chunkSize,
      initializerRange: this.initializerRange,
    };
  }
}

function checkAttentionMask(mask: tf.Tensor | undefined, x: tf.Tensor, memory: tf.Tensor): void {
  if (!mask) return;
  const [batch, queries, keys] = [x.shape[0], x.shape[1], memory.shape[1]];
  const fits =
    mask.rank === 3 &&
    (mask.shape[0] === 1 || mask.shape[0] === batch) &&
    mask.shape[1] === queries &&
    mask.shape[2] === keys;
  if (fits) return;
  throw new Error(
    `${OWNER}: attentionMask of shape ${show(mask.shape)}; expected [${batch} or 1, ${queries}, ` +
      `${keys}]: batch, queries, keys`,
  );
}
