/** Fuses the level below with the higher levels of the previous column. */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import { requireInteger, requireOneOf, show } from '../../common/arguments';
import { FusionFunction, type PathWeights } from '../../ops/blocks/fusion';
import { drawSeed } from '../../ops/engine/random';
import type { LevelFunction } from '../../ops/reversible/level_function';
import type { LayerArgs, LayerOptionNames } from '../base/checked_layer';
import { CompositeLayer, variablesOf } from '../base/composite_layer';
import { FEATURES } from '../base/input_axes';
import { type Shapes, toShapes } from '../base/inputs';
import type { DifferentiatedLayer } from '../base/level_function_of';
import type { ProjectingLayer } from '../base/projections';
import { pathSpecs } from '../base/weight_specs';
import { FUSION_PATHS, type FusionPaths } from './fusion_paths';
import { sameShape } from './level_shapes';

const OWNER = 'LevelFusion';

/** Arguments of `LevelFusion`. */
export type LevelFusionArgs = LayerArgs & {
  /** Channels of the level. Default: those of the lower operand, and then needed at level 0 only. */
  filters?: number;
  /** Which level this is, from 0. At level 0 the lower operand passes unchanged. Default 0. */
  level?: number;
  /**
   * Levels of equal size: linear + LayerNorm in place of the 2x2 strided convolution and of the
   * resize. Default: true unless the operands are images (rank 4).
   */
  isotropic?: boolean;
  /**
   * What a path does: `'linear'` (default), as in the paper; `'norm'`: LayerNorm alone, for operands as
   * wide as the level, and no lower one that is larger.
   */
  paths?: FusionPaths;
};

/** Factor by which each level of a pyramid is smaller than the one below. */
const DOWN = 2;

/** What the operands are called, in their order. */
const OPERANDS = ['lower', 'upper', 'top'];

/** Weights of a path, in the order of `pathSpecs`. */
const NORM = ['gamma', 'beta'];
const PROJECTION_AND_NORM = ['kernel', 'bias', ...NORM];

/**
 * Level fusion (paper section 2.2): `down(lower) + up(upper)`, and `+ up(top)` with a third operand
 * (the Huge variant's level 0).
 *
 * - lower, from the level below in the same column: unchanged at level 0, else 2x2 convolution with
 *   stride 2 and LayerNorm.
 * - upper and top, from higher levels of the previous column: linear, LayerNorm, nearest resize to
 *   the size of the lowered operand.
 *
 * With `paths: 'norm'` there is neither convolution nor linear layer.
 *
 * Input: lower, `[lower]`, `[lower, upper]` or `[lower, upper, top]`, each `[batch, height, width,
 * channels]`, or `[batch, ..., channels]` when isotropic. Output: `[batch, h, w, filters]`. float32.
 */
export class LevelFusion extends CompositeLayer implements DifferentiatedLayer, ProjectingLayer {
  static className = 'LevelFusion';
  static override readonly optionNames: object = {
    filters: true,
    level: true,
    isotropic: true,
    paths: true,
  } satisfies LayerOptionNames<LevelFusionArgs>;

  readonly projections = { down: 'fusion', up: 'fusion', top: 'fusion' } as const;
  private readonly level: number;
  private readonly filters: number | null;
  private readonly isotropic: boolean | null;
  private readonly pathKind: FusionPaths;
  /** Per operand: its weights' place in the list, or null for none. */
  private readonly paths: (number | null)[] = [];

  constructor(args: LevelFusionArgs = {}) {
    super(args);
    this.takes({
      axes: [FEATURES, FEATURES, FEATURES],
      counts: [1, 2, 3],
      fixed: true,
      form: 'lower, [lower, upper] or [lower, upper, top]',
    });
    this.level = args.level ?? 0;
    this.filters = args.filters ?? null;
    this.isotropic = args.isotropic ?? null;
    this.pathKind = args.paths ?? 'linear';
    requireInteger(OWNER, 'level', this.level, 0);
    if (this.filters != null) requireInteger(OWNER, 'filters', this.filters, 1);
    requireOneOf(OWNER, 'paths', this.pathKind, FUSION_PATHS);
  }

  private isIsotropic(shape: tfl.Shape): boolean {
    return this.isotropic ?? shape.length !== 4;
  }

  protected override checkInputs(shapes: Shapes): void {
    super.checkInputs(shapes);
    const [lower] = shapes;
    const isRankEqual = shapes.every((shape) => shape.length === lower.length);
    if (!isRankEqual || !shapes.every(([batch]) => sameShape([batch ?? null], lower.slice(0, 1)))) {
      throw new Error(
        `${OWNER}: operand shapes ${show(shapes)}; expected equal ` +
          (isRankEqual ? 'batches' : 'ranks and known channels'),
      );
    }
    if (this.shrinks(lower) && lower.slice(1, -1).some((d) => d != null && d < DOWN)) {
      throw new Error(
        `${OWNER}: lower operand ${show(lower)} leaves no pixel at level ${this.level}; give at ` +
          `least ${DOWN} x ${DOWN}`,
      );
    }
  }

  /** Whether the level is smaller than the lower operand. */
  private shrinks(lower: tfl.Shape): boolean {
    return this.level > 0 && !this.isIsotropic(lower);
  }

  override build(inputShape: tfl.Shape | tfl.Shape[]): void {
    const shapes = this.checkedShapes(inputShape);
    const [lower] = shapes;
    const channels = shapes.map((shape) => shape[shape.length - 1] as number);
    const from = channels[0] as number;
    const filters = this.filters ?? from;
    if (this.level === 0 && from !== filters) {
      throw new Error(
        `${OWNER}: at level 0 the lower operand passes unchanged, but has ${from} ` +
          `channels and filters is ${filters}; give it ${filters} channels, or level 1 or more`,
      );
    }
    if (this.pathKind === 'norm') this.requireNormFits(lower, channels, filters);
    const isotropic = this.isIsotropic(lower);
    const add = (path: 'down' | 'up' | 'top', kernel: number[]) => {
      this.paths.push(this._trainableWeights.length);
      this.addSpecs(pathSpecs(path, this.pathKind === 'norm' ? null : kernel, filters));
    };
    const down = isotropic ? [from, filters] : [DOWN, DOWN, from, filters];
    this.buildOrUndo(inputShape, () => {
      this.paths.length = 0;
      if (this.level === 0) this.paths.push(null);
      else add('down', down);
      channels.slice(1).forEach((c, i) => add(i === 0 ? 'up' : 'top', [c, filters]));
    });
  }

  /** Asserts that no path has to change a width or a size, which a LayerNorm cannot. */
  private requireNormFits(lower: tfl.Shape, channels: readonly number[], filters: number): void {
    const given = `${OWNER}: paths is 'norm', a LayerNorm alone, but `;
    channels.forEach((c, i) => {
      if (c === filters) return;
      throw new Error(
        `${given}the ${OPERANDS[i]} operand of level ${this.level} has ${c} channels and filters is ` +
          `${filters}; give all ${filters} channels, or paths: 'linear'`,
      );
    });
    if (!this.shrinks(lower)) return;
    throw new Error(
      `${given}level ${this.level} is half as high and wide as the lower operand ${show(lower)}, which ` +
        `takes a convolution; give isotropic: true, or paths: 'linear'`,
    );
  }

  override computeOutputShape(inputShape: tfl.Shape | tfl.Shape[]): tfl.Shape {
    const lower = toShapes(inputShape)[0] as tfl.Shape;
    const filters = this.filters ?? (lower[lower.length - 1] as number | null);
    const shrinks = this.shrinks(lower);
    const inner = lower.slice(1, -1).map((d) => (d == null || !shrinks ? d : Math.floor(d / DOWN)));
    return [lower[0] as number | null, ...inner, filters];
  }

  get differentiatedCall(): tfl.layers.Layer['call'] {
    return LevelFusion.prototype.call;
  }

  /** Every token is fused by itself. */
  get isCausal(): boolean {
    return true;
  }

  levelFunction(trainable: boolean): LevelFunction {
    const variables = variablesOf(this._trainableWeights);
    const paths = this.paths.map((start): PathWeights<tf.Variable> | null => {
      if (start == null) return null;
      const names = this.pathKind === 'norm' ? NORM : PROJECTION_AND_NORM;
      return Object.fromEntries(
        names.map((name, i) => [name, variables[start + i]]),
      ) as unknown as PathWeights<tf.Variable>;
    });
    return new FusionFunction(paths, trainable);
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: { training?: boolean }): tf.Tensor {
    const operands = this.checkedTensors(inputs);
    const context = { training: kwargs.training ?? false, seed: drawSeed() };
    return tf.tidy(() => this.levelFunction(this.trainable).forward(operands, context));
  }

  override getConfig() {
    const { filters, level, isotropic, pathKind: paths } = this;
    return { ...super.getConfig(), filters, level, isotropic, paths };
  }
}
