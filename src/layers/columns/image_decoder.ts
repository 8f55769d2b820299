/** Decodes a column's top level to an image, for intermediate supervision. */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import { requireInteger, requireOneOf, show } from '../../common/arguments';
import { gelu } from '../../ops/gelu';
import { layerNorm } from '../../ops/layer_norm';
import { linear } from '../../ops/linear';
import { unpatch } from '../../ops/patch_conv';
import { resizeBilinear } from '../../ops/resize_bilinear';
import type { LayerArgs, LayerOptionNames } from '../base/checked_layer';
import { CompositeLayer, type FourVariables, variablesOf } from '../base/composite_layer';
import { IMAGE } from '../base/input_axes';
import type { Shapes } from '../base/inputs';
import { decoderNormSpecs, pixelSpecs, projectionSpecs } from '../base/weight_specs';
import { ConvNextBlock } from './convnext_block';

const OWNER = 'RevColImageDecoder';

/** Arguments of `RevColImageDecoder`. */
export type RevColImageDecoderArgs = LayerArgs & {
  /** Channels of the backbone's levels, bottom first; the input is the top one. */
  channels: number[];
  /**
   * `'progressive'` (default): one doubling of the resolution per level, as published for at most
   * 1000 classes; `'simple'`: LayerNorm and one projection, as published for more.
   */
  kind?: 'progressive' | 'simple';
  /** Side of the stem's patches, in pixels. Default 4. */
  patchSize?: number;
  /** Channels of the image. Default 3. */
  imageChannels?: number;
};

/**
 * Reconstructs the input image from a column's top level, for intermediate supervision (paper
 * section 2.3 and appendix). Its values are logits of the pixels' 0..1 intensities.
 *
 * Input: `[batch, h, w, top channels]`. Output: `[batch, h * s, w * s, imageChannels]` with `s =
 * patchSize * 2 ** (levels - 1)`. float32.
 */
export class RevColImageDecoder extends CompositeLayer {
  static className = 'RevColImageDecoder';
  static override readonly optionNames: object = {
    channels: true,
    kind: true,
    patchSize: true,
    imageChannels: true,
  } satisfies LayerOptionNames<RevColImageDecoderArgs>;

  private readonly channels: number[];
  private readonly kind: 'progressive' | 'simple';
  private readonly patchSize: number;
  private readonly imageChannels: number;

  constructor(args = {} as RevColImageDecoderArgs) {
    super(args);
    this.takes({ axes: [IMAGE] });
    this.channels = args.channels;
    this.kind = args.kind ?? 'progressive';
    this.patchSize = args.patchSize ?? 4;
    this.imageChannels = args.imageChannels ?? 3;
    if (!Array.isArray(this.channels) || this.channels.length < 2) {
      throw new Error(
        `${OWNER}: channels is ${JSON.stringify(this.channels)}; expected one number per level, ` +
          `bottom first, at least 2`,
      );
    }
    this.channels.forEach((c, l) => requireInteger(OWNER, `channels[${l}]`, c, 1));
    requireOneOf(OWNER, 'kind', this.kind, ['progressive', 'simple']);
    requireInteger(OWNER, 'patchSize', this.patchSize, 1);
    requireInteger(OWNER, 'imageChannels', this.imageChannels, 1);
  }

  /** Widths from the top level down. */
  private get widths(): number[] {
    return [...this.channels].reverse();
  }

  /** Side of the patch that the last projection fills, in pixels. */
  private get pixelSide(): number {
    return this.kind === 'simple'
      ? this.patchSize * 2 ** (this.channels.length - 1)
      : this.patchSize;
  }

  protected override checkInputs(shapes: Shapes): void {
    super.checkInputs(shapes);
    const [top] = this.widths;
    if (shapes[0][3] == null || shapes[0][3] === top) return;
    throw new Error(
      `${OWNER}: input shape ${show(shapes[0])}; expected [batch, height, width, ${top}], the top ` +
        `level of channels ${show(this.channels)}`,
    );
  }

  override build(inputShape: tfl.Shape | tfl.Shape[]): void {
    this.checkedShapes(inputShape);
    const { widths } = this;
    const values = this.pixelSide ** 2 * this.imageChannels;
    this.buildOrUndo(inputShape, () => {
      if (this.kind === 'simple') {
        this.addSpecs([
          ...decoderNormSpecs(widths[0] as number),
          ...pixelSpecs(widths[0] as number, values),
        ]);
        return;
      }
      widths.slice(1).forEach((to, i) => {
        this.addSpecs(projectionSpecs(i, widths[i] as number, to));
      });
      this.addSpecs(pixelSpecs(widths[widths.length - 1] as number, values));
      widths.slice(1).forEach((width, i) => {
        const block = new ConvNextBlock({ name: `block_${i}`, expansion: 1 });
        this.addSublayer(block, `block_${i}`, [null, null, null, width]);
      });
    });
  }

  override computeOutputShape(inputShape: tfl.Shape | tfl.Shape[]): tfl.Shape {
    const shape = inputShape as tfl.Shape;
    const scale = this.patchSize * 2 ** (this.channels.length - 1);
    const inner = shape.slice(1, 3).map((d) => (d == null ? d : d * scale));
    return [shape[0] as number | null, ...inner, this.imageChannels];
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: { training?: boolean }): tf.Tensor {
    const [x] = this.checkedTensors(inputs);
    return tf.tidy(() => {
      const variables = variablesOf(this._trainableWeights);
      const [kernel, bias] = variables.slice(-2) as [tf.Variable, tf.Variable];
      if (this.kind === 'simple') {
        const [gamma, beta] = variables as FourVariables;
        return this.pixels(layerNorm(x, gamma, beta), kernel, bias);
      }
      const decoded = this.sublayers.reduce((y, block, i) => {
        const [w, b, gamma, beta] = variables.slice(4 * i) as FourVariables;
        const projected = gelu(layerNorm(linear(y, w, b), gamma, beta));
        const [, height, width] = y.shape as [number, number, number];
        const doubled = resizeBilinear(projected, 2 * height, 2 * width);
        return block.apply(doubled, kwargs) as tf.Tensor;
      }, x);
      return this.pixels(decoded, kernel, bias);
    });
  }

  /**
   * Projects to patches and lays them out. Weights are ordered (channel, row, column), as PyTorch's
   * pixel shuffle reads them, and reordered here at the size of a weight.
   */
  private pixels(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor): tf.Tensor {
    const side = this.pixelSide;
    const channelLast = (w: tf.Tensor) => {
      const split = tf.reshape(w, [-1, this.imageChannels, side * side]);
      return tf.reshape(tf.transpose(split, [0, 2, 1]), w.shape);
    };
    return unpatch(linear(x, channelLast(kernel), channelLast(bias)), side);
  }

  override getConfig(): tf.serialization.ConfigDict {
    const { channels, kind, patchSize, imageChannels } = this;
    return { ...super.getConfig(), channels: [...channels], kind, patchSize, imageChannels };
  }
}
