/** Layers that add what tells positions apart: learned embeddings, or sinusoids. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { requireDeviation, requireInteger, show } from '../../common/arguments';
import { addPositions, sinusoidalPositions } from '../../ops/embedding';
import type { LayerArgs, LayerOptionNames } from '../base/checked_layer';
import { variablesOf } from '../base/composite_layer';
import { SEQUENCE } from '../base/input_axes';
import type { Shapes } from '../base/inputs';
import { SequenceLayer } from '../base/sequence_layer';
import type { WeightSpec } from '../base/weight_specs';

/** Keyword arguments of layers that know where a token stands. */
export interface PositionKwargs {
  /** Position of the first token given. Default 0. */
  startIndex?: number;
}

/** Arguments of `LearnedPositions`. */
export type LearnedPositionsArgs = LayerArgs & {
  /** Longest sequence, in tokens. */
  sequenceLength: number;
  /** Standard deviation of the initial embeddings. Default 0.02. */
  initializerRange?: number;
};

/** Arguments of `SinusoidalPositions`. */
export type SinusoidalPositionsArgs = LayerArgs & {
  /** Longest wavelength over 2 pi, in tokens. Default 10000. */
  maxWavelength?: number;
};

/**
 * Asserts that a table of positions has those from `start` on.
 *
 * @param time number of tokens
 */
export function requirePositions(owner: string, start: number, time: number, rows: number): void {
  requireInteger(owner, 'startIndex', start, 0);
  if (start + time <= rows) return;
  throw new Error(
    `${owner}: tokens ${start} to ${start + time - 1} given, but sequenceLength is ${rows}; give ` +
      `shorter sequences or build the model with sequenceLength ${start + time} or more`,
  );
}

/**
 * Adds a learned embedding of each token's position.
 *
 * Input and output: `[batch, time, width]`, time at most `sequenceLength`, float32.
 */
export class LearnedPositions extends SequenceLayer {
  static className = 'RevColLearnedPositions';
  static override readonly optionNames: object = {
    sequenceLength: true,
    initializerRange: true,
  } satisfies LayerOptionNames<LearnedPositionsArgs>;

  private readonly sequenceLength: number;
  private readonly initializerRange: number;

  constructor(args = {} as LearnedPositionsArgs) {
    super(args);
    this.takes({ axes: [SEQUENCE] });
    this.sequenceLength = args.sequenceLength;
    this.initializerRange = args.initializerRange ?? 0.02;
    requireInteger('LearnedPositions', 'sequenceLength', this.sequenceLength, 1);
    requireDeviation('LearnedPositions', 'initializerRange', this.initializerRange);
  }

  protected override checkInputs(shapes: Shapes): void {
    super.checkInputs(shapes);
    requirePositions('LearnedPositions', 0, shapes[0][1] ?? 0, this.sequenceLength);
  }

  override build(inputShape: tfl.Shape | tfl.Shape[]): void {
    const width = this.checkedShapes(inputShape)[0][2] as number;
    const table = [this.sequenceLength, width];
    const specs: WeightSpec[] = [{ name: 'embeddings', shape: table, init: 'truncatedNormal' }];
    this.buildOrUndo(inputShape, () => void this.addSpecs(specs, true, this.initializerRange));
  }

  override computeOutputShape(inputShape: tfl.Shape | tfl.Shape[]): tfl.Shape | tfl.Shape[] {
    return inputShape;
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: PositionKwargs = {}): tf.Tensor {
    const [x] = this.checkedTensors(inputs);
    const { startIndex = 0 } = kwargs;
    requirePositions('LearnedPositions', startIndex, x.shape[1] as number, this.sequenceLength);
    const [table] = variablesOf(this._trainableWeights) as [tf.Variable];
    return addPositions(x, table, startIndex);
  }

  override getConfig() {
    const { sequenceLength, initializerRange } = this;
    return { ...super.getConfig(), sequenceLength, initializerRange };
  }
}

/**
 * Adds sinusoids of each token's position (Vaswani et al. 2017, arXiv 1706.03762, section 3.5); no
 * weights, any length.
 *
 * Input and output: `[batch, time, width]`, float32.
 */
export class SinusoidalPositions extends SequenceLayer {
  static className = 'RevColSinusoidalPositions';
  static override readonly optionNames: object = {
    maxWavelength: true,
  } satisfies LayerOptionNames<SinusoidalPositionsArgs>;

  private readonly maxWavelength: number;

  constructor(args: SinusoidalPositionsArgs = {}) {
    super(args);
    this.takes({ axes: [SEQUENCE] });
    this.maxWavelength = args.maxWavelength ?? 10000;
    if (!(this.maxWavelength > 0)) {
      throw new Error(
        `SinusoidalPositions: maxWavelength is ${show([this.maxWavelength])}; expected a number ` +
          `above 0`,
      );
    }
  }

  override build(inputShape: tfl.Shape | tfl.Shape[]): void {
    this.checkedShapes(inputShape);
    this.settleInputs(inputShape);
    this.built = true;
  }

  override computeOutputShape(inputShape: tfl.Shape | tfl.Shape[]): tfl.Shape | tfl.Shape[] {
    return inputShape;
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: PositionKwargs = {}): tf.Tensor {
    const [x] = this.checkedTensors(inputs);
    const { startIndex = 0 } = kwargs;
    requireInteger('SinusoidalPositions', 'startIndex', startIndex, 0);
    const [, time, width] = x.shape as [number, number, number];
    return tf.tidy(() =>
      addPositions(x, sinusoidalPositions(startIndex, time, width, this.maxWavelength), 0),
    );
  }

  override getConfig() {
    return { ...super.getConfig(), maxWavelength: this.maxWavelength };
  }
}
