/** FPN: a pyramid whose levels all have features of the levels above. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { requireInteger } from '../../common/arguments';
import { everySecond } from '../../ops/dense/every_second';
import { addScaled } from '../../ops/dense/joins';
import { upsampleNearest } from '../../ops/upsample';
import type { LayerArgs, LayerOptionNames } from '../base/checked_layer';
import { IMAGE } from '../base/input_axes';
import { pyramidParts } from './parts';
import { PartsLayer } from './parts_layer';

const OWNER = 'FPN';

/** Most levels that a pyramid may have. */
export const MOST_LEVELS = 8;

/** Arguments of `FPN`. */
export type FPNArgs = LayerArgs & {
  /** Channels of all outputs. Default 256, as published. */
  filters?: number;
  /** Number of outputs, at least that of the inputs. Default 5, as published for four levels. */
  outputs?: number;
};

/**
 * Feature pyramid network (Lin et al. 2017, arXiv 1612.03144) as mmdetection has it: every level is projected,
 * what is above is doubled (nearest pixel) and added, from the top down, and each sum goes through a 3x3
 * convolution; neither normalisation nor activation. Outputs above the top level are every second pixel of the
 * one below.
 *
 * Input: the levels of a pyramid, bottom first, 2 to 8 of them, each `[batch, h, w, channels]`, of any sizes and
 * channels: `revColBackbone({ output: 'pyramid' })`, or those of another backbone. Output: a list of `outputs`
 * maps `[batch, h, w, filters]`. float32.
 *
 * @throws {Error} when an argument is out of range, the inputs are no pyramid, or there are more of them than
 *   outputs
 */
export class FPN extends PartsLayer {
  static className = 'RevColFPN';
  static override readonly optionNames: object = {
    filters: true,
    outputs: true,
  } satisfies LayerOptionNames<FPNArgs>;

  private readonly filters: number;
  private readonly outputs: number;

  constructor(args = {} as FPNArgs) {
    super(args);
    const axes = Array.from({ length: MOST_LEVELS }, () => IMAGE);
    const counts = axes.map((_, i) => i + 1).slice(1);
    const form = `the levels of a pyramid, bottom first, 2 to ${MOST_LEVELS} tensors`;
    this.takes({ axes, counts, fixed: true, form });
    this.filters = args.filters ?? 256;
    this.outputs = args.outputs ?? 5;
    requireInteger(OWNER, 'filters', this.filters, 1);
    requireInteger(OWNER, 'outputs', this.outputs, 2);
  }

  override build(inputShape: tfl.Shape | tfl.Shape[]): void {
    const channels = this.checkedShapes(inputShape).map((shape) => shape[3] as number);
    if (channels.length > this.outputs) {
      throw new Error(
        `${OWNER}: ${channels.length} levels for ${this.outputs} outputs; expected at least as many outputs`,
      );
    }
    const parts = pyramidParts(channels, this.filters);
    this.buildOrUndo(inputShape, () => this.addWeights(parts));
  }

  override computeOutputShape(inputShape: tfl.Shape | tfl.Shape[]): tfl.Shape[] {
    const shapes = (inputShape as tfl.Shape[]).map((shape): tfl.Shape => [
      ...shape.slice(0, 3),
      this.filters,
    ]);
    while (shapes.length < this.outputs) {
      const [batch = null, h = null, w = null] = shapes.at(-1) ?? [];
      const half = (side: number | null) => (side === null ? null : Math.ceil(side / 2));
      shapes.push([batch, half(h), half(w), this.filters]);
    }
    return shapes;
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor[] {
    const levels = this.checkedTensors(inputs);
    return tf.tidy(() => {
      const maps = levels.map((level, i) => this.project(`lateral_${i}`, level));
      for (let i = maps.length - 1; i > 0; i--) {
        const below = maps[i - 1] as tf.Tensor;
        const [, height, width] = below.shape as [number, number, number];
        maps[i - 1] = addScaled(below, upsampleNearest(maps[i] as tf.Tensor, height, width));
      }
      const outputs = maps.map((map, i) => this.convolve(`output_${i}`, map, false));
      while (outputs.length < this.outputs) outputs.push(everySecond(outputs.at(-1) as tf.Tensor));
      return outputs;
    });
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), filters: this.filters, outputs: this.outputs };
  }
}
