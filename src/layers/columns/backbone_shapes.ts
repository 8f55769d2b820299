/** Which inputs a backbone takes, and the shapes that its stem and its levels have for them. */
import * as tfl from '@tensorflow/tfjs-layers';

import { show } from '../../common/arguments';
import { type AppliedTo, CheckedLayer } from '../base/checked_layer';
import { type Axes, FEATURES, IMAGE, requireInput, specOf } from '../base/input_axes';
import type { ResolvedOptions } from './column_options';
import { pathsOf } from './fusion_paths';
import { levelShapes, sameShape } from './level_shapes';

type Layer = tfl.layers.Layer;

/** What decides the shapes in a backbone. */
export interface BackboneLayout extends Pick<
  ResolvedOptions,
  'block' | 'channels' | 'fusion' | 'isotropic'
> {
  stem: Layer;
  /** Whether the stem is a user's. */
  ownStem: boolean;
  patchSize: number;
}

/** The axes of what a backbone takes: those of its stem's input. */
export function backboneAxes(stem: Layer, ownStem: boolean): Axes {
  if (!ownStem) return FEATURES;
  return (stem instanceof CheckedLayer ? stem.inputAxes[0] : undefined) ?? ['batch', '...'];
}

/**
 * Shapes of the stem's output and of all levels, bottom first.
 *
 * @throws {Error} when the built-in stem or block does not take the input, a level would have no pixel,
 *   or the stem's channels are not level 0's
 */
export function backboneShapes(
  owner: string,
  inputShape: tfl.Shape,
  { stem, ownStem, block, patchSize, channels, isotropic, fusion }: BackboneLayout,
): { stem: tfl.Shape; levels: tfl.Shape[] } {
  const given = () => `inputShape ${show(inputShape.slice(1))}`;
  if (!ownStem && block == null && inputShape.length !== 4) {
    // A size is known of a tensor's first axis: it may lack the batch.
    if (inputShape[0] != null) requireInput(owner, inputShape, IMAGE, specOf(IMAGE));
    const hasBatch = inputShape.length === 5 && inputShape[1] == null;
    throw new Error(
      `${owner}: ${given()} is not an image [height, width, channels], which the built-in block needs; ` +
        `give a 'block' that keeps the shape of such inputs` +
        (hasBatch ? `, or leave the batch axis out: ${show(inputShape.slice(2))}` : ''),
    );
  }
  if (inputShape.length < 2) throw new Error(`${owner}: ${given()}; expected [..., channels]`);
  const shape = stem.computeOutputShape(inputShape) as tfl.Shape;
  const layout = {
    channels,
    isotropic: isotropic ?? shape.length !== 4,
    paths: pathsOf(fusion),
  };
  const shrinking = layout.isotropic ? 1 : 2 ** (channels.length - 1);
  const least = (ownStem ? 1 : patchSize) * shrinking;
  const levels = levelShapes(
    owner,
    shape,
    layout,
    () =>
      `${described(inputShape)} with ` +
      (ownStem ? `a stem that gives ${show(shape)}` : `patchSize ${patchSize}`) +
      ` and ${channels.length} levels leaves no pixel at the top; give at least ${least} x ${least}` +
      (ownStem ? ' behind the stem' : smallerPatches(inputShape, shrinking)) +
      channelsFirst(inputShape, least),
  );
  return { stem: shape, levels };
}

/** An input as its giver knows it: of a tensor the batch is known, and nobody gave an inputShape. */
function described(inputShape: tfl.Shape): string {
  const [batch, ...rest] = inputShape;
  if (batch == null) return `inputShape ${show(rest)}`;
  return rest.length === 3
    ? `an image of ${rest[0]} x ${rest[1]}`
    : `input shape ${show(inputShape)}`;
}

/** The largest patches with which the top level has a pixel, where there are any. */
function smallerPatches(inputShape: tfl.Shape, shrinking: number): string {
  const sides = inputShape.slice(1, -1).filter((side): side is number => side != null);
  const size = Math.floor(Math.min(...sides) / shrinking);
  return size >= 1 ? `, or patchSize ${size}` : '';
}

/** Of an image as it comes from a file: red, green, blue and opacity. */
const MOST_CHANNELS = 4;

/** What to do with an image whose channels come first, which is small in height only by mistake. */
function channelsFirst([batch, channels, ...sides]: tfl.Shape, least: number): string {
  const isLarge =
    sides.length === 2 &&
    sides.every((side) => side != null && side >= Math.max(least, MOST_CHANNELS + 1));
  if (channels == null || channels > MOST_CHANNELS || !isLarge) return '';
  const [first, last] = [show([channels, ...sides]), show([...sides, channels])];
  return (
    `. If ${first} has its channels first, put them last, ${last}` +
    (batch == null ? '' : ', with tf.transpose(x, [0, 2, 3, 1])')
  );
}

/**
 * Asserts that a built stem of a user's takes an input, which tfjs does not ask it about while a model
 * is made.
 *
 * @throws {Error} when it does not
 */
export function requireStemTakes(owner: string, stem: Layer, input: AppliedTo): void {
  if (!(input instanceof tfl.SymbolicTensor)) return;
  if (!(stem instanceof tfl.LayersModel)) {
    (
      stem as unknown as { assertInputCompatibility: (x: unknown) => void }
    ).assertInputCompatibility(input);
    return;
  }
  const [expected] = stem.inputs;
  if (!expected || sameShape(expected.shape, input.shape)) return;
  throw new Error(
    `${owner}: input shape ${show(input.shape)}; expected ${show(expected.shape)}, which the model ` +
      `${stem.name} takes as its stem`,
  );
}
