/** UPerHead: pyramid pooling on the top level of a pyramid, and a feature pyramid below. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { requireInteger, requireList } from '../../common/arguments';
import { adaptiveAvgPool } from '../../ops/dense/adaptive_avg_pool';
import { addScaled, joinChannels } from '../../ops/dense/joins';
import { resize } from '../../ops/dense/resize';
import type { LayerArgs, LayerOptionNames } from '../base/checked_layer';
import { IMAGE } from '../base/input_axes';
import { uperModules } from './modules';
import {
  type HeadKwargs,
  SegmentationHead,
  type SegmentationHeadOptions,
  through,
} from './segmentation_head';

const OWNER = 'UPerHead';

/** Most levels that a pyramid may have. */
const MOST_LEVELS = 8;

/** Arguments of `UPerHead`. */
export type UPerHeadArgs = LayerArgs &
  SegmentationHeadOptions & {
    /** Channels of all maps within the head. Default 512, as published; 1440 with RevCol-Huge. */
    filters?: number;
    /** Sides of the grids that the top level is pooled to. Default [1, 2, 3, 6]. */
    poolScales?: readonly number[];
  };

/**
 * Head of UPerNet (Xiao et al. 2018, arXiv 1807.10221) as mmsegmentation has it. The top level is pooled
 * to grids, each grid projected and resized back, and joined with the level itself (pyramid pooling
 * module, arXiv 1612.01105); every lower level is projected, and what is above is resized and added,
 * from the top down. All maps, resized to the bottom one, are joined to logits.
 *
 * Input: the levels of a pyramid, bottom first, 2 to 8 of them, each `[batch, h, w, channels]`, of any
 * sizes and channels: `revColBackbone({ output: 'pyramid' })`, or those of another backbone. Output:
 * logits `[batch, h, w, units]` of the bottom level's height and width. float32.
 *
 * In training the batch normalisations go by the statistics of the batch, so that a batch needs at least
 * 2 images where `poolScales` holds 1.
 *
 * @throws {Error} when an argument is out of range or the inputs are no pyramid; in training, when there
 *   is one value per channel in a batch
 */
export class UPerHead extends SegmentationHead {
  static className = 'RevColUPerHead';
  static override readonly optionNames: object = {
    units: true,
    dropout: true,
    filters: true,
    poolScales: true,
  } satisfies LayerOptionNames<UPerHeadArgs>;

  private readonly poolScales: readonly number[];

  constructor(args = {} as UPerHeadArgs) {
    super(OWNER, args, 512);
    const axes = Array.from({ length: MOST_LEVELS }, () => IMAGE);
    const counts = axes.map((_, i) => i + 1).slice(1);
    const form = `the levels of a pyramid, bottom first, 2 to ${MOST_LEVELS} tensors`;
    this.takes({ axes, counts, fixed: true, form });
    const scales: unknown = args.poolScales ?? [1, 2, 3, 6];
    requireList(OWNER, 'poolScales', scales, 'sides of grids, such as [1, 2, 3, 6]');
    this.poolScales = [...(scales as number[])];
    this.poolScales.forEach((side, i) => requireInteger(OWNER, `poolScales[${i}]`, side, 1));
  }

  override build(inputShape: tfl.Shape | tfl.Shape[]): void {
    const channels = this.checkedShapes(inputShape).map((shape) => shape[3] as number);
    const modules = uperModules(channels, this.filters, this.poolScales);
    this.buildOrUndo(inputShape, () => this.addParts(modules));
  }

  override computeOutputShape(inputShape: tfl.Shape | tfl.Shape[]): tfl.Shape {
    const [bottom] = inputShape as tfl.Shape[];
    return [...(bottom as tfl.Shape).slice(0, 3), this.units];
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: HeadKwargs = {}): tf.Tensor {
    const levels = this.checkedTensors(inputs);
    return tf.tidy(() => this.logitsOf(this.features(levels, kwargs), kwargs));
  }

  /** What the logits are made of, `[batch, h, w, filters]` of the bottom level's size. */
  private features(levels: readonly tf.Tensor[], kwargs: HeadKwargs): tf.Tensor {
    const apply = (path: string, x: tf.Tensor) => {
      const [, module] = this.namedSublayers.find(([name]) => name === path) as [
        string,
        tfl.layers.Layer,
      ];
      return through(module, x, kwargs);
    };
    const top = levels.at(-1) as tf.Tensor;
    const lower = levels.slice(0, -1);
    const pooled = this.poolScales.map((side, i) =>
      sizedAs(top, apply(`psp_${i}`, adaptiveAvgPool(top, side))),
    );
    let above = apply('bottleneck', joinChannels([top, ...pooled]));
    const maps = [above];
    for (const [i, level] of [...lower.entries()].reverse()) {
      const lateral = apply(`lateral_${i}`, level);
      above = addScaled(lateral, sizedAs(lateral, above));
      maps.unshift(above);
    }
    const bottom = levels[0] as tf.Tensor;
    const joined = maps.map((map, i) =>
      sizedAs(bottom, i < lower.length ? apply(`fpn_${i}`, map) : map),
    );
    return apply('fpn_bottleneck', joinChannels(joined));
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), poolScales: [...this.poolScales] };
  }
}

/** A map resized to the height and width of another. */
function sizedAs(other: tf.Tensor, x: tf.Tensor): tf.Tensor {
  return resize(x, other.shape[1] as number, other.shape[2] as number);
}
