/** One reversible column: its levels, each a fusion and blocks, and its inverse. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { requireOneOf, show } from '../../common/arguments';
import { drawSeed } from '../../ops/engine/random';
import { clampAlphas, namedAlphas } from '../../ops/reversible/alpha';
import { runColumns, type RunOptions } from '../../ops/reversible/backbone';
import { type Column, columnInverse, operands } from '../../ops/reversible/column';
import type { Level } from '../../ops/reversible/level';
import type { LayerArgs, LayerOptionNames } from '../base/checked_layer';
import { variablesOf } from '../base/composite_layer';
import { FEATURES } from '../base/input_axes';
import { oneOrAll, type Shapes, toShapes } from '../base/inputs';
import { levelFunctionOf } from '../base/level_function_of';
import { firstMask, fittingMask } from '../base/masks';
import { renameBelow } from '../base/name_scope';
import { type SequenceKwargs } from '../base/sequence_call';
import { SequenceLayer } from '../base/sequence_layer';
import { instantiate, type LayerOrConfig, type TemplateArg } from '../base/template';
import { alphaSpec } from '../base/weight_specs';
import {
  COLUMN_OPTIONS,
  type ColumnOptions,
  dropRates,
  levelTemplate,
  type ResolvedOptions,
  resolveOptions,
  serializeOptions,
} from './column_options';
import { ConvNextBlock } from './convnext_block';
import { runFirst } from './first_run';
import { pathsOf } from './fusion_paths';
import { LevelFusion } from './level_fusion';
import { levelShapes, requirePrevious, shapeAbove } from './level_shapes';
import { buildFitting } from './template_fit';

type Layer = tfl.layers.Layer;
const OWNER = 'ReversibleColumn';

/** Arguments of `ReversibleColumn`. */
export type ReversibleColumnArgs = LayerArgs &
  ColumnOptions & {
    /** `'pyramid'` (default): all levels; `'last'`: the top level alone. */
    output?: 'pyramid' | 'last';
  };

/**
 * One reversible column (paper section 2.1): `c[l] = alpha[l] * previous[l] + F_l(c[l-1],
 * previous[l+1])`, where F is a fusion and then blocks.
 *
 * Input: the stem's output `[batch, ..., channels[0]]` alone in a first column, else
 * `[stem, previous level 0, ..., previous top level]`. Output: one tensor per level, bottom first,
 * or the top one.
 *
 * On its own it keeps no activations but its outputs; only a `RevColBackbone` frees those of the
 * columns between as well.
 */
export class ReversibleColumn extends SequenceLayer {
  static className = 'ReversibleColumn';
  static override readonly optionNames: object = {
    ...COLUMN_OPTIONS,
    output: true,
  } satisfies LayerOptionNames<ReversibleColumnArgs>;

  private readonly options: ResolvedOptions;
  private readonly outputMode: 'pyramid' | 'last';
  private isFirst = true;
  private alphas: tfl.LayerVariable[] = [];
  private readonly levelLayers: { fusion: Layer; blocks: Layer[] }[] = [];

  constructor(args: ReversibleColumnArgs = {}) {
    super(args);
    this.options = resolveOptions(OWNER, args);
    this.outputMode = args.output ?? 'pyramid';
    requireOneOf(OWNER, 'output', this.outputMode, ['pyramid', 'last']);
    const levels = this.options.channels.length;
    this.takes({
      axes: Array.from({ length: levels + 1 }, () => FEATURES),
      counts: [1, levels + 1],
      fixed: true,
      form: `the stem's output alone (first column), or it and the previous column's ${levels} levels`,
    });
  }

  protected override checkInputs(shapes: Shapes): void {
    super.checkInputs(shapes);
    requirePrevious(OWNER, shapes.slice(1), this.shapesOf(shapes[0]));
  }

  override build(inputShape: tfl.Shape | tfl.Shape[]): void {
    const shapes = this.checkedShapes(inputShape);
    const { topFusion } = this.options;
    this.isFirst = shapes.length === 1;
    const expected = this.shapesOf(shapes[0]);
    const operandShape = (l: number): tfl.Shape[] =>
      operands(l, expected.length, this.isFirst, topFusion).map((o) =>
        o.from === 'stem' ? shapes[0] : (expected[o.level] as tfl.Shape),
      );
    this.buildOrUndo(inputShape, () => this.buildLevels(expected, operandShape));
  }

  private buildLevels(expected: tfl.Shape[], operandShape: (level: number) => tfl.Shape[]): void {
    const { channels, depths, dropPathRate } = this.options;
    const rates = dropRates(dropPathRate, depths);
    this.levelLayers.length = 0;
    this.alphas = this.addSpecs(
      channels.map((c, l) => alphaSpec(l, c)),
      !this.isFirst,
    );
    expected.forEach((shape, l) => {
      const fusion = this.buildFusion(l, operandShape(l), shape);
      const blocks = Array.from({ length: depths[l] as number }, (_, b) =>
        this.buildBlock(l, b, shape, rates[l]?.[b] ?? 0),
      );
      this.levelLayers.push({ fusion, blocks });
    });
  }

  /** Shapes of the levels for a stem output, and the check that each has a pixel. */
  private shapesOf(stem: tfl.Shape): tfl.Shape[] {
    const { channels } = this.options;
    const isotropic = this.options.isotropic ?? stem.length !== 4;
    return levelShapes(
      OWNER,
      stem,
      { channels, isotropic, paths: pathsOf(this.options.fusion) },
      () =>
        `input ${show(stem)} with ${channels.length} levels leaves no pixel at the top; give at ` +
        `least ${2 ** (channels.length - 1)} x ${2 ** (channels.length - 1)}`,
    );
  }

  /** Scoped name of this column, as its weights carry it. Once built. */
  get scopedName(): string {
    return (this.alphas[0] as tfl.LayerVariable).originalName.replace(/\/level_0\/alpha$/, '');
  }

  private buildFusion(level: number, operandShapes: tfl.Shape[], shape: tfl.Shape): Layer {
    const path = `level_${level}/fusion`;
    const template =
      operandShapes.length > 1 ? levelTemplate(this.options, 'fusion', level) : undefined;
    if (template == null) {
      const layer = new LevelFusion({
        name: path,
        level,
        filters: this.options.channels[level],
        isotropic: this.options.isotropic,
        paths: pathsOf(this.options.fusion),
      });
      return this.addSublayer(layer, path, oneOrAll(operandShapes));
    }
    return this.addUserLayer(template, path, operandShapes, shape, 'fusion');
  }

  private buildBlock(level: number, index: number, shape: tfl.Shape, dropRate: number): Layer {
    const path = `level_${level}/block_${index}`;
    const template = levelTemplate(this.options, 'block', level);
    if (template != null) {
      return this.addUserLayer(template, path, [shape], shape, 'block');
    }
    const layer = new ConvNextBlock({ name: path, kernelSize: this.options.kernelSize, dropRate });
    return this.addSublayer(layer, path, shape);
  }

  private addUserLayer(
    template: LayerOrConfig,
    path: string,
    inputs: tfl.Shape[],
    expected: tfl.Shape,
    role: 'block' | 'fusion',
  ): Layer {
    const layer = instantiate(OWNER, template, path);
    const place = { role, path, given: this.options[role] as TemplateArg, inputs, expected };
    buildFitting(OWNER, layer, place, () => {
      this.addSublayer(layer, path, oneOrAll(inputs));
      renameBelow(this.scopedName, path, layer.weights);
    });
    return layer;
  }

  /** Fusions and blocks, bottom level first. Once built. */
  get functionLayers(): Layer[] {
    return this.levelLayers.flatMap(({ fusion, blocks }) => [fusion, ...blocks]);
  }

  /** @deprecated Since 0.2.0: the former name of `functionLayers`. */
  get stageLayers(): Layer[] {
    return this.functionLayers;
  }

  /**
   * The column as the reversible walk sees it, with what is trainable now.
   *
   * @param trainable false when an enclosing layer is frozen
   */
  column(trainable = true): Column {
    const wanted = trainable && this.isTrained;
    const { channels, isotropic, dropPathRate, depths, backprop } = this.options;
    const rates = dropRates(dropPathRate, depths);
    const listed = backprop === 'reversible';
    const levels = this.levelLayers.map(({ fusion, blocks }, l): Level => {
      const shapeFor = (lower: number[]) => shapeAbove(lower, l, channels[l] as number, isotropic);
      return {
        functions: [
          levelFunctionOf(fusion, wanted, { shapeFor, listed }),
          ...blocks.map((b, i) =>
            levelFunctionOf(b, wanted, { dropRate: rates[l]?.[i] ?? 0, listed }),
          ),
        ],
      };
    });
    return {
      levels,
      alphas: variablesOf(this.alphas),
      alphaTrainable: wanted && this.alphas.some((alpha) => alpha.trainable),
      topFusion: this.options.topFusion,
    };
  }

  /**
   * Recovers the previous column's features from this column's (paper equation 3). Blocks run as in
   * inference; what they write to variables is undone.
   *
   * @param inputs `[stem, level 0, ..., top level]`: the stem's output and this column's features
   * @returns the previous column's levels, bottom first
   * @throws {Error} when it is a first column, which has no previous one, or the tensors are not these
   */
  inverse(inputs: tf.Tensor[]): tf.Tensor[] {
    const levels = this.options.channels.length;
    if (!this.built || this.isFirst) {
      throw new Error(
        `${OWNER}: ${this.name} has no previous column to recover; call inverse on a column ` +
          `that was applied to [stem, ...previous levels]`,
      );
    }
    if (inputs.length !== levels + 1) {
      throw new Error(
        `${OWNER}: inverse got ${inputs.length} tensors; expected the stem's output and ` +
          `${levels} levels`,
      );
    }
    const [stem, ...features] = inputs as [tf.Tensor, ...tf.Tensor[]];
    const column = this.column();
    clampAlphas(namedAlphas([column], true));
    return columnInverse(column, 0, stem, features, { training: false, seed: drawSeed() });
  }

  /** The mask of the stem's output, for every output. */
  protected override outputMask(
    _: tf.Tensor | tf.Tensor[],
    mask?: tf.Tensor | tf.Tensor[],
  ): tf.Tensor | tf.Tensor[] {
    const own = firstMask(mask) as tf.Tensor;
    return this.outputMode === 'last' ? own : this.options.channels.map(() => own);
  }

  /** @param kwargs.mask which tokens are real, `[batch, time]`; reaches every block */
  override call(
    inputs: tf.Tensor | tf.Tensor[],
    kwargs: Omit<SequenceKwargs, 'cache'> = {},
  ): tf.Tensor | tf.Tensor[] {
    const [stem, ...previous] = this.checkedTensors(inputs);
    return tf.tidy(() => {
      const top = this.options.channels.length - 1;
      const options: RunOptions = {
        backprop: this.options.backprop,
        training: kwargs.training ?? false,
        anchorEvery: 'auto',
        taps: [],
        // Only sequences have masks; tfjs may hand an image the mask of another branch of the model.
        mask: fittingMask(OWNER, stem, stem.rank === 3 ? firstMask(kwargs.mask) : undefined),
        previous: this.isFirst ? undefined : previous,
        usesLevels: this.options.channels.map((_, l) => this.outputMode === 'pyramid' || l === top),
      };
      const run = () => runColumns([this.column()], stem, options);
      if (runFirst(this.functionLayers, options, run)) this.setVariableFlags();
      const { last } = run();
      return this.outputMode === 'last' ? (last[top] as tf.Tensor) : last;
    });
  }

  override computeOutputShape(inputShape: tfl.Shape | tfl.Shape[]): tfl.Shape | tfl.Shape[] {
    const shapes = this.shapesOf(toShapes(inputShape)[0] as tfl.Shape);
    return this.outputMode === 'last' ? (shapes[shapes.length - 1] as tfl.Shape) : shapes;
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), ...serializeOptions(this.options), output: this.outputMode };
  }
}
