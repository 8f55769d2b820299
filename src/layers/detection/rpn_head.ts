/** RPNHead: for every anchor of a pyramid, whether it is an object, and how to move it. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { requireList, requireRanges, show } from '../../common/arguments';
import { type AnchorShapes, requireAnchors } from '../../ops/detection/anchors';
import type { LayerArgs, LayerOptionNames } from '../base/checked_layer';
import { IMAGE } from '../base/input_axes';
import { MOST_LEVELS } from './fpn';
import { proposalParts } from './parts';
import { PartsLayer } from './parts_layer';

const OWNER = 'RPNHead';

/** Arguments of `RPNHead`. */
export type RPNHeadArgs = LayerArgs & {
  /** Sides of the anchors over the stride of their level. Default [8], as published. */
  anchorScales?: readonly number[];
  /** Heights of the anchors over their widths. Default [0.5, 1, 2], as published. */
  anchorRatios?: readonly number[];
  /**
   * Pixels of the image from one place to the next, of each level, bottom first. Default [4, 8, 16, 32, 64],
   * as published.
   */
  strides?: readonly number[];
};

/**
 * Head of a region proposal network (Ren et al. 2015, arXiv 1506.01497): a 3x3 convolution with ReLU, then
 * two projections, the same for all levels.
 *
 * Input: maps of as many levels as `strides`, bottom first, each `[batch, h, w, channels]`, all with the same
 * channels: those of an `FPN`. Output: a list, for each level the logits of being an object `[batch, h, w,
 * anchors]`, then for each the deltas `[batch, h, w, 4 anchors]`, four of each anchor in turn, for `decodeBoxes`.
 * Anchors are those of `gridAnchors`. float32.
 *
 * @throws {Error} when an argument is out of range, or the inputs are no such levels
 */
export class RPNHead extends PartsLayer {
  static className = 'RevColRPNHead';
  static override readonly optionNames: object = {
    anchorScales: true,
    anchorRatios: true,
    strides: true,
  } satisfies LayerOptionNames<RPNHeadArgs>;

  /** Shapes of the anchors at each place. */
  readonly anchors: AnchorShapes;
  /** Of each level. */
  readonly strides: readonly number[];

  constructor(args = {} as RPNHeadArgs) {
    super(args);
    const axes = Array.from({ length: MOST_LEVELS }, () => IMAGE);
    const counts = axes.map((_, i) => i + 1);
    const form = `the levels of a pyramid, bottom first, 1 to ${MOST_LEVELS} tensors`;
    this.takes({ axes, counts, fixed: true, form });
    const { anchorScales = [8], anchorRatios = [0.5, 1, 2], strides = [4, 8, 16, 32, 64] } = args;
    requireAnchors(OWNER, { scales: anchorScales, ratios: anchorRatios });
    requireStrides(OWNER, strides);
    this.anchors = { scales: [...anchorScales], ratios: [...anchorRatios] };
    this.strides = [...strides];
  }

  /** Anchors at each place. */
  private get count(): number {
    return this.anchors.scales.length * this.anchors.ratios.length;
  }

  override build(inputShape: tfl.Shape | tfl.Shape[]): void {
    const shapes = this.checkedShapes(inputShape);
    const channels = shapes.map((shape) => shape[3] as number);
    const [first] = channels as [number];
    if (shapes.length !== this.strides.length || channels.some((c) => c !== first)) {
      throw new Error(
        `${OWNER}: ${shapes.length} levels with ${channels.join(', ')} channels; expected ` +
          `${this.strides.length}, one for each of strides ${show([...this.strides])}, with the same channels`,
      );
    }
    const parts = proposalParts(first, this.count);
    this.buildOrUndo(inputShape, () => this.addWeights(parts));
  }

  override computeOutputShape(inputShape: tfl.Shape | tfl.Shape[]): tfl.Shape[] {
    const shapes = (Array.isArray(inputShape[0]) ? inputShape : [inputShape]) as tfl.Shape[];
    return [1, 4].flatMap((values) =>
      shapes.map((shape): tfl.Shape => [...shape.slice(0, 3), values * this.count]),
    );
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor[] {
    const levels = this.checkedTensors(inputs);
    return tf.tidy(() => {
      const features = levels.map((level) => this.convolve('conv', level, true));
      return ['objectness', 'deltas'].flatMap((path) => features.map((x) => this.project(path, x)));
    });
  }

  override getConfig(): tf.serialization.ConfigDict {
    const { scales, ratios } = this.anchors;
    return {
      ...super.getConfig(),
      anchorScales: [...scales],
      anchorRatios: [...ratios],
      strides: [...this.strides],
    };
  }
}

/** Asserts strides. */
export function requireStrides(owner: string, strides: readonly number[]): void {
  requireList(owner, 'strides', strides, 'pixels, such as [4, 8, 16, 32]');
  if (strides.length === 0 || strides.length > MOST_LEVELS) {
    throw new Error(
      `${owner}: ${strides.length} strides; expected 1 to ${MOST_LEVELS}, one for each level`,
    );
  }
  requireRanges(
    owner,
    strides.map((stride, i) => [`strides[${i}]`, stride, stride > 0, 'above 0'] as const),
  );
}
