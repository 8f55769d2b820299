/** Masks of sequences: which of several is meant, whether it fits, and keeping tfjs from making more. */
import type * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { show } from '../../common/arguments';
import type { SequenceKwargs } from './sequence_call';

/**
 * Stops tfjs from computing this layer's mask a second time in `apply`, to hang it on the output,
 * where nothing reads it and nothing frees it. Masks of models are not concerned: those are computed
 * by the model.
 */
export function withoutMaskMetadata(layer: tfl.layers.Layer): void {
  (layer as unknown as { setMaskMetadata: () => void }).setMaskMetadata = () => undefined;
}

/** The first of one or several masks: that of the first input. */
export function firstMask(mask: SequenceKwargs['mask']): tf.Tensor | undefined {
  return (Array.isArray(mask) ? mask[0] : mask) ?? undefined;
}

/** The mask of the second input, where a caller gives masks as a list. */
export function secondMask(mask: SequenceKwargs['mask']): tf.Tensor | undefined {
  return (Array.isArray(mask) ? mask[1] : undefined) ?? undefined;
}

/**
 * Checks that a mask is one of `x`, `[batch, time]` for `[batch, time, ...]`.
 *
 * @throws {Error} when it is not: tfjs hands the mask of one branch of a model on to layers of a later
 *   branch whose own input has none
 */
export function fittingMask(
  owner: string,
  x: tf.Tensor,
  mask: tf.Tensor | undefined,
): tf.Tensor | undefined {
  if (!mask) return undefined;
  const fits = mask.rank === 2 && mask.shape.every((d, i) => d === x.shape[i]);
  if (fits) return mask;
  throw new Error(
    `${owner}: mask of shape ${show(mask.shape)} for an input of shape ${show(x.shape)}; expected ` +
      `[batch, time] of the same batch and time. In a model with several branches tfjs passes the ` +
      `mask of an earlier branch to layers whose own input has none: give the embedding of every ` +
      `branch maskZero: true`,
  );
}
