/** Patches of an image as tokens: the stem of a RevCol-ViT. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { requireInteger, show } from '../../common/arguments';
import { addPositions } from '../../ops/embedding';
import { patchConv } from '../../ops/patch_conv';
import type { LayerArgs, LayerOptionNames } from '../base/checked_layer';
import { CompositeLayer, variablesOf } from '../base/composite_layer';
import { IMAGE } from '../base/input_axes';
import type { Shapes } from '../base/inputs';
import { withoutMaskMetadata } from '../base/masks';
import { patchEmbeddingSpecs } from './specs';

const OWNER = 'PatchEmbedding';

/** Arguments of `PatchEmbedding`. */
export type PatchEmbeddingArgs = LayerArgs & {
  /** Width of the embeddings. */
  filters: number;
  /** Side of the square patches, in pixels. Default 16. */
  patchSize?: number;
};

/**
 * Patches of an image as tokens, with learned positions (Dosovitskiy et al. 2021, arXiv 2010.11929):
 * the stem of a RevCol over patches.
 *
 * Input: `[batch, height, width, channels]` of known size, float32. Output: `[batch, patches,
 * filters]`, patches row by row; pixels that fill no patch are dropped.
 *
 * @throws {Error} when an argument is out of range, when the image's size is unknown, or when it holds no
 *   patch
 */
export class PatchEmbedding extends CompositeLayer {
  static className = 'RevColPatchEmbedding';
  static override readonly optionNames: object = {
    filters: true,
    patchSize: true,
  } satisfies LayerOptionNames<PatchEmbeddingArgs>;

  private readonly filters: number;
  private readonly patchSize: number;

  constructor(args = {} as PatchEmbeddingArgs) {
    super(args);
    this.takes({ axes: [IMAGE] });
    this.filters = args.filters;
    this.patchSize = args.patchSize ?? 16;
    requireInteger(OWNER, 'filters', this.filters, 1);
    requireInteger(OWNER, 'patchSize', this.patchSize, 1);
    withoutMaskMetadata(this);
  }

  protected override checkInputs(shapes: Shapes): void {
    super.checkInputs(shapes);
    const [table] = variablesOf(this._trainableWeights.slice(2));
    // A model may be made for images of another size, or of an open one, once there are positions.
    if (table && shapes[0].slice(1).includes(null)) return;
    const patches = this.patches(shapes[0]);
    if (!table || table.shape[0] === patches) return;
    throw new Error(
      `${OWNER}: input shape ${show(shapes[0])} holds ${patches} patches, but ${this.name} was built ` +
        `for images of ${table.shape[0]}, each of which has a learned position; give images of that size`,
    );
  }

  private patches(shape: tfl.Shape): number {
    const [height, width, channels] = shape.slice(1);
    const count =
      Math.floor((height ?? 0) / this.patchSize) * Math.floor((width ?? 0) / this.patchSize);
    if (shape.length === 4 && channels != null && count > 0) return count;
    throw new Error(
      `${OWNER}: input shape ${show(shape)}; expected [batch, height, width, channels] of known ` +
        `size, height and width at least ${this.patchSize}, the patchSize`,
    );
  }

  override build(inputShape: tfl.Shape | tfl.Shape[]): void {
    const [shape] = this.checkedShapes(inputShape);
    const { patchSize, filters } = this;
    const patches = this.patches(shape);
    const specs = patchEmbeddingSpecs(patchSize, shape[3] as number, filters, patches);
    this.buildOrUndo(inputShape, () => void this.addSpecs(specs));
  }

  override computeOutputShape(inputShape: tfl.Shape | tfl.Shape[]): tfl.Shape {
    const shape = inputShape as tfl.Shape;
    return [shape[0] as number | null, this.patches(shape), this.filters];
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const [x] = this.checkedTensors(inputs);
    const [kernel, bias, positions] = variablesOf(this._trainableWeights) as [
      tf.Variable,
      tf.Variable,
      tf.Variable,
    ];
    return tf.tidy(() => {
      const grid = patchConv(x, kernel, bias);
      const [batch, rows, columns] = grid.shape as [number, number, number];
      const tokens = tf.reshape(grid, [batch, rows * columns, this.filters]);
      return addPositions(tokens, positions, 0);
    });
  }

  override getConfig() {
    return { ...super.getConfig(), filters: this.filters, patchSize: this.patchSize };
  }
}
