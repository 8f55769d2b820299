/** The backbone: a stem and reversible columns, one node of tfjs's tape. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { disposingTapeOnError } from '../../ops/engine/engine';
import { undoingWrites } from '../../ops/engine/writes';
import { normalizePixels } from '../../ops/normalize_pixels';
import { runColumns, type RunOptions } from '../../ops/reversible/backbone';
import {
  measureReconstruction,
  readReconstruction,
  readReconstructionAsync,
  type Reconstruction,
} from '../../ops/reversible/reconstruction';
import type { AppliedTo } from '../base/checked_layer';
import { hasLostWeights } from '../base/composite_layer';
import { rememberTrainable } from '../base/frozen_parts';
import { oneOrAll, type Shapes, toShapes, toTensors } from '../base/inputs';
import { isCausal } from '../base/level_function_of';
import { firstMask, fittingMask } from '../base/masks';
import { renameBelow } from '../base/name_scope';
import { checkCache, type SequenceKwargs } from '../base/sequence_call';
import { SequenceLayer } from '../base/sequence_layer';
import { instantiate, type LayerOrConfig, serializeTemplate } from '../base/template';
import { type FeatureInfo, featuresOf } from './backbone_features';
import {
  BACKBONE_OPTIONS,
  type BackboneOptions,
  resolveBackbone,
  type RevColBackboneArgs,
  serializeBackbone,
} from './backbone_options';
import { type OutputPlace, outputPlaces } from './backbone_output';
import { backboneAxes, backboneShapes, requireStemTakes } from './backbone_shapes';
import { type ResolvedOptions, resolveOptions, serializeOptions } from './column_options';
import { runFirst } from './first_run';
import { warnOfUnits } from './pixel_warnings';
import { type PixelOptions, pixelStatistics } from './pixels';
import { ReversibleColumn } from './reversible_column';
import { RevColStem } from './stem';

type Layer = tfl.layers.Layer;
type Measured = Omit<SequenceKwargs, 'cache'>;
const OWNER = 'RevColBackbone';

export type { RevColBackboneArgs } from './backbone_options';

/**
 * RevCol backbone (Cai et al., ICLR 2023, arXiv 2212.11696): a stem and reversible columns, trained
 * without stored activations. All columns are one node of tfjs's tape: memory in training does not
 * grow with their number, but for weights, gradients and an anchor every few columns.
 *
 * Input: one tensor, `[batch, height, width, channels]` for the built-in stem and blocks, or what
 * the stem given takes. Output: see `output`. Images should be centred, with a deviation of about 1
 * as published, or in pixels that `pixelMean` and `pixelStd` make so: see `RevColStem`.
 *
 * @throws {Error} when an argument is out of range, when the input leaves a level without a pixel, when a
 *   block changes the shape, or when the input is no image and no `block` is given
 *
 * @example
 * const model = tf.sequential({ layers: [
 *   layers.revColBackbone({ inputShape: [32, 32, 3], channels: [32, 64, 128], depths: [1, 1, 2],
 *     patchSize: 2 }),
 *   layers.revColHead({ units: 10 }),
 * ] });
 */
export class RevColBackbone extends SequenceLayer {
  static className = 'RevColBackbone';
  static override readonly optionNames: object = BACKBONE_OPTIONS;

  private readonly options: ResolvedOptions;
  /** What the columns do not share, with defaults filled in. */
  private readonly own: BackboneOptions;
  /** How it normalises its input. */
  readonly pixels: PixelOptions;
  private readonly stemTemplate: LayerOrConfig | undefined;
  private stemLayer: Layer;
  /** That of the input that it was built for. */
  private knownShape: tfl.Shape | null = null;

  constructor(args: RevColBackboneArgs = {}) {
    super(args);
    this.options = resolveOptions(OWNER, args);
    this.own = resolveBackbone(OWNER, args, this.options.channels);
    this.pixels = this.own;
    this.stemTemplate = args.stem ?? undefined;
    this.stemLayer = this.makeStem();
    const form = 'one tensor. For the columns alone use ReversibleColumn';
    this.takes({ axes: [backboneAxes(this.stemLayer, this.stemTemplate != null)], form });
  }

  /** Where the outputs are taken from, in their order. */
  private get places(): OutputPlace[] {
    return outputPlaces(this.own, this.options.channels.length);
  }

  private makeStem(): Layer {
    if (this.stemTemplate != null) return instantiate(OWNER, this.stemTemplate, 'stem');
    const stem = new RevColStem({
      name: 'stem',
      filters: this.options.channels[0] as number,
      patchSize: this.own.patchSize,
    });
    rememberTrainable(stem);
    return stem;
  }

  /** A stem in place of one whose weights went with a build that failed. */
  private freshStem(): Layer {
    const stem = this.makeStem();
    stem.trainable = this.stemLayer.trainable;
    return stem;
  }

  override build(inputShape: tfl.Shape | tfl.Shape[]): void {
    const { stem, levels } = this.shapesOf(this.checkedShapes(inputShape)[0]);
    this.knownShape = inputShape as tfl.Shape;
    // Not `built`: a stem that is a model is built from the start.
    if (hasLostWeights(this.stemLayer)) this.stemLayer = this.freshStem();
    this.buildOrUndo(inputShape, () => {
      this.addSublayer(this.stemLayer, 'stem', inputShape);
      for (let i = 0; i < this.own.columns; i++) {
        const column = new ReversibleColumn({ ...this.options, name: `column_${i}` });
        this.addSublayer(column, `column_${i}`, i === 0 ? stem : [stem, ...levels]);
      }
      if (this.stemTemplate != null) {
        const scope = (this.columnLayers[0] as ReversibleColumn).scopedName;
        renameBelow(scope.replace(/\/column_0$/, ''), 'stem', this.stemLayer.weights);
      }
    });
  }

  protected override checkInputs(shapes: Shapes): void {
    // What the layer was built for says more than what it could be built for.
    if (this.built || shapes.length > 1) super.checkInputs(shapes);
    this.shapesOf(shapes[0]);
  }

  protected override assertInputCompatibility(inputs: AppliedTo): void {
    super.assertInputCompatibility(inputs);
    if (this.built) requireStemTakes(OWNER, this.stemLayer, inputs);
  }

  private shapesOf(inputShape: tfl.Shape | tfl.Shape[]): { stem: tfl.Shape; levels: tfl.Shape[] } {
    const shape = toShapes(inputShape)[0];
    const shapes = backboneShapes(OWNER, shape, {
      ...this.options,
      stem: this.stemLayer,
      ownStem: this.stemTemplate != null,
      patchSize: this.own.patchSize,
    });
    pixelStatistics(OWNER, this.own, shape);
    return shapes;
  }

  /** The columns, first to last, for freezing some or for reading their weights. Once built. */
  get columnLayers(): readonly ReversibleColumn[] {
    return this.sublayers.slice(1) as ReversibleColumn[];
  }

  /**
   * What each output is, in their order: its column and level, channels, and reduction (stride) with
   * respect to the input, as timm's `feature_info` has it.
   *
   * @throws {Error} before the layer knows the shape of its input, where the stem is one of the caller's
   */
  get featureInfo(): FeatureInfo[] {
    const isBuiltIn = this.stemTemplate == null && this.options.block == null;
    const given = this.knownShape ?? (this.batchInputShape as tfl.Shape | undefined);
    const inputShape = given ?? (isBuiltIn ? [null, null, null, 1] : null);
    if (inputShape == null) {
      throw new Error(`${OWNER}: featureInfo needs an input; give inputShape, or apply the layer`);
    }
    return featuresOf(this.places, this.options, this.stemLayer, inputShape);
  }

  /** The stem, for freezing it or for reading its weights. */
  get stem(): Layer {
    return this.stemLayer;
  }

  /**
   * Mask of the outputs, `[batch, time]`: the stem's, where it makes or knows masks (as
   * `TokenEmbedding` does with `maskZero`), else the input's.
   */
  protected override outputMask(
    inputs: tf.Tensor | tf.Tensor[],
    mask?: tf.Tensor | tf.Tensor[],
  ): tf.Tensor | tf.Tensor[] {
    const x = toTensors(inputs)[0] as tf.Tensor;
    const own = this.stemMask(x, firstMask(mask)) as tf.Tensor;
    return oneOrAll(this.places.map(() => own));
  }

  private stemMask(x: tf.Tensor, mask: tf.Tensor | undefined): tf.Tensor | undefined {
    if (!this.stemLayer.supportsMasking) return mask;
    return firstMask(this.stemLayer.computeMask(x, mask));
  }

  /**
   * @param kwargs.mask which tokens are real, `[batch, time]`; reaches every block
   * @param kwargs.cache to give tokens one after another: only the new ones go in and come out.
   *   Needs causal transformer blocks
   */
  override call(
    inputs: tf.Tensor | tf.Tensor[],
    kwargs: SequenceKwargs = {},
  ): tf.Tensor | tf.Tensor[] {
    const [x] = this.checkedTensors(inputs);
    const { training = false, cache } = kwargs;
    const functions = this.columnLayers.flatMap((c) => c.functionLayers);
    checkCache(OWNER, kwargs, functions.every(isCausal));
    return tf.tidy(() => {
      const stemArgs = cache ? { training, startIndex: cache.length } : { training };
      const stem = this.stemLayer.apply(this.normalized(x), stemArgs) as tf.Tensor;
      const { places } = this;
      const columns = [...new Set(places.map(({ column }) => column))];
      // Those behind the last that is asked for would compute nothing that anybody sees.
      const used = Math.max(...columns) + 1;
      // Only sequences have masks; tfjs may hand an image the mask of another branch of the model.
      const mask = stem.rank === 3 ? this.stemMask(x, firstMask(kwargs.mask)) : undefined;
      const options: RunOptions = {
        backprop: this.options.backprop,
        training,
        anchorEvery: this.own.anchorEvery,
        taps: columns.filter((c) => c < used - 1),
        mask: fittingMask(OWNER, stem, mask),
        caches: cache,
        usesLevels: this.options.channels.map((_, level) => places.some((p) => p.level === level)),
      };
      const run = () =>
        disposingTapeOnError(() => runColumns(this.columnPlans().slice(0, used), stem, options));
      if (runFirst(functions, options, run)) this.setVariableFlags();
      const { last, tapped } = run();
      return oneOrAll(
        places.map(({ column, level }) => {
          const tap = column < used - 1 ? tapped[columns.indexOf(column)] : last[level];
          return tap as tf.Tensor;
        }),
      );
    });
  }

  /** What the stem gets. */
  private normalized(x: tf.Tensor): tf.Tensor {
    const statistics = pixelStatistics(OWNER, this.own, x.shape);
    if (statistics == null) return x;
    warnOfUnits(OWNER, this, this.stemLayer, x, statistics);
    return normalizePixels(x, statistics);
  }

  private readonly columnPlans = () => this.columnLayers.map((c) => c.column(this.isTrained));

  /**
   * How exactly the features of each column are recovered when walking back from the last one with
   * no anchor at all: what the anchors save you from. Meant for judging trained weights. Leaves
   * moving statistics and other state as they were. Waits for the device; in a page use
   * `reconstructionErrorAsync`.
   *
   * @param x a batch of inputs
   * @param kwargs.training whether dropout and batch statistics are active; default false
   * @param kwargs.mask which tokens are real, `[batch, time]`, unless the stem knows
   * @throws {Error} when not built, or on a backend that only answers asynchronously, such as webgpu
   */
  reconstructionError(x: tf.Tensor, kwargs: Measured = {}): Reconstruction[] {
    return readReconstruction(this.measured(x, kwargs), this.own.columns);
  }

  /** `reconstructionError` without waiting for the device, on every backend. */
  async reconstructionErrorAsync(x: tf.Tensor, kwargs: Measured = {}): Promise<Reconstruction[]> {
    return readReconstructionAsync(this.measured(x, kwargs), this.own.columns);
  }

  private measured(x: tf.Tensor, { training = false, mask }: Measured): tf.Tensor {
    if (!this.built) throw new Error(`${OWNER}: apply the layer to an input before checking it`);
    this.checkedTensors(x);
    return tf.tidy(() => {
      const stem = undoingWrites(
        () => this.stemLayer.apply(this.normalized(x), { training }) as tf.Tensor,
      );
      const known = this.stemMask(x, firstMask(mask));
      return measureReconstruction(this.columnPlans(), stem, { training, mask: known });
    });
  }

  override computeOutputShape(inputShape: tfl.Shape | tfl.Shape[]): tfl.Shape | tfl.Shape[] {
    const { levels } = this.shapesOf(inputShape);
    return oneOrAll(this.places.map(({ level }) => levels[level] as tfl.Shape));
  }

  override getConfig(): tf.serialization.ConfigDict {
    return {
      ...super.getConfig(),
      ...serializeOptions(this.options),
      ...serializeBackbone(this.own),
      stem: serializeTemplate(this.stemTemplate),
    };
  }
}
