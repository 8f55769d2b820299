/** Token embeddings with positions: the stem of a RevCol over language. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import {
  requireDeviation,
  requireInteger,
  requireOneOf,
  requireRate,
} from '../../common/arguments';
import { dropout } from '../../ops/dropout';
import { addPositions, embed, sinusoidalPositions } from '../../ops/embedding';
import { drawSeed } from '../../ops/engine/random';
import type { LayerArgs, LayerOptionNames } from '../base/checked_layer';
import { variablesOf } from '../base/composite_layer';
import { IDS } from '../base/input_axes';
import { type Shapes, toTensors } from '../base/inputs';
import { firstMask } from '../base/masks';
import { SequenceLayer } from '../base/sequence_layer';
import type { WeightSpec } from '../base/weight_specs';
import { type PositionKwargs, requirePositions } from './positions';

const OWNER = 'TokenEmbedding';

/** Arguments of `TokenEmbedding`; names as in `tf.layers.embedding`. */
export type TokenEmbeddingArgs = LayerArgs & TokenEmbeddingOptions;

interface TokenEmbeddingOptions {
  /** Size of the vocabulary; ids run from 0 to `inputDim - 1`. */
  inputDim: number;
  /** Width of the embeddings. */
  outputDim: number;
  /** Whether id 0 is padding, which the mask then hides from every later layer. Default false. */
  maskZero?: boolean;
  /** What is added for a token's position. Default `'none'`. */
  positions?: 'none' | 'learned' | 'sinusoidal';
  /** Longest sequence, in tokens; needed for learned positions. */
  sequenceLength?: number | null;
  /**
   * Factor of the embeddings before positions are added (Vaswani et al. 2017, arXiv 1706.03762, section
   * 3.4). Default `sqrt(outputDim)`, with which tokens weigh at first as much as sinusoids do; 1 where
   * there are no positions.
   */
  scale?: number;
  /** Rate at which values of the output are dropped in training, in [0, 1). Default 0. */
  dropout?: number;
  /**
   * Standard deviation of the initial embeddings, learned positions included. Default `outputDim **
   * -0.5`: products with the embeddings, as tied logits are, then have unit deviation.
   */
  initializerRange?: number;
}

/**
 * Token embedding with positions: the stem of a RevCol over language.
 *
 * Input: ids `[batch, time]`, int32 (or float32 holding whole numbers, as `tf.input` gives by
 * default). Output: `[batch, time, outputDim]`, float32. With `maskZero`, `computeMask(ids)` is
 * true where the id is not 0.
 *
 * @throws {Error} when an argument is out of range, or a sequence is longer than `sequenceLength`
 */
export class TokenEmbedding extends SequenceLayer {
  static className = 'RevColTokenEmbedding';
  static override readonly optionNames: object = {
    inputDim: true,
    outputDim: true,
    maskZero: true,
    positions: true,
    sequenceLength: true,
    scale: true,
    dropout: true,
    initializerRange: true,
  } satisfies LayerOptionNames<TokenEmbeddingArgs>;

  private readonly options: Required<TokenEmbeddingOptions>;

  constructor(args = {} as TokenEmbeddingArgs) {
    super(args);
    this.takes({ axes: [IDS] });
    const positions = args.positions ?? 'none';
    this.options = {
      inputDim: args.inputDim,
      outputDim: args.outputDim,
      maskZero: args.maskZero ?? false,
      positions,
      sequenceLength: args.sequenceLength ?? null,
      scale: args.scale ?? (positions === 'none' ? 1 : Math.sqrt(args.outputDim)),
      dropout: args.dropout ?? 0,
      initializerRange: args.initializerRange ?? args.outputDim ** -0.5,
    };
    const { inputDim, outputDim, sequenceLength } = this.options;
    requireInteger(OWNER, 'inputDim', inputDim, 1);
    requireInteger(OWNER, 'outputDim', outputDim, 1);
    requireOneOf(OWNER, 'positions', positions, ['none', 'learned', 'sinusoidal']);
    requireRate(OWNER, 'dropout', this.options.dropout);
    requireDeviation(OWNER, 'initializerRange', this.options.initializerRange);
    if (positions === 'learned' || sequenceLength != null) {
      requireInteger(OWNER, 'sequenceLength', sequenceLength, 1);
    }
  }

  /** Number of different ids. */
  get vocabularySize(): number {
    return this.options.inputDim;
  }

  /** Width of an embedding. */
  get width(): number {
    return this.options.outputDim;
  }

  /** The embeddings, `[vocabularySize, width]`. Once built. */
  get table(): tf.Variable {
    return variablesOf(this._trainableWeights)[0] as tf.Variable;
  }

  protected override checkInputs(shapes: Shapes): void {
    super.checkInputs(shapes);
    const { sequenceLength } = this.options;
    if (sequenceLength != null) requirePositions(OWNER, 0, shapes[0][1] ?? 0, sequenceLength);
  }

  override build(inputShape: tfl.Shape | tfl.Shape[]): void {
    this.checkedShapes(inputShape);
    const { inputDim, outputDim, positions, sequenceLength, initializerRange } = this.options;
    const specs: WeightSpec[] = [
      { name: 'embeddings', shape: [inputDim, outputDim], init: 'truncatedNormal' },
    ];
    if (positions === 'learned') {
      specs.push({
        name: 'position_embeddings',
        shape: [sequenceLength as number, outputDim],
        init: 'truncatedNormal',
      });
    }
    this.buildOrUndo(inputShape, () => void this.addSpecs(specs, true, initializerRange));
  }

  override computeOutputShape(inputShape: tfl.Shape | tfl.Shape[]): tfl.Shape {
    return [...(inputShape as tfl.Shape), this.options.outputDim];
  }

  /** With `maskZero` true where an id is not 0, `[batch, time]`; else the mask given, if any. */
  protected override outputMask(inputs: tf.Tensor | tf.Tensor[], mask?: tf.Tensor | tf.Tensor[]) {
    const ids = toTensors(inputs)[0] as tf.Tensor;
    return this.options.maskZero ? tf.notEqual(ids, 0) : firstMask(mask);
  }

  override call(
    inputs: tf.Tensor | tf.Tensor[],
    kwargs: PositionKwargs & { training?: boolean } = {},
  ): tf.Tensor {
    const [ids] = this.checkedTensors(inputs);
    const { startIndex = 0, training = false } = kwargs;
    const { sequenceLength, scale, dropout: rate } = this.options;
    const time = ids.shape[1] as number;
    requireInteger(OWNER, 'startIndex', startIndex, 0);
    if (sequenceLength != null) requirePositions(OWNER, startIndex, time, sequenceLength);
    return tf.tidy(() => {
      const x = embed(this.table, tf.cast(ids, 'int32'));
      const placed = this.placed(scale === 1 ? x : tf.mul(x, scale), startIndex);
      return dropout(placed, training ? rate : 0, drawSeed());
    });
  }

  private placed(x: tf.Tensor, startIndex: number): tf.Tensor {
    const { positions, outputDim } = this.options;
    if (positions === 'none') return x;
    if (positions === 'learned') {
      return addPositions(x, variablesOf(this._trainableWeights)[1] as tf.Variable, startIndex);
    }
    const time = x.shape[1] as number;
    return addPositions(x, sinusoidalPositions(startIndex, time, outputDim, 10000), 0);
  }

  override getConfig() {
    return { ...super.getConfig(), ...this.options };
  }
}
