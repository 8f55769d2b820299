import type { Tensor } from '@tensorflow/tfjs-core';
import type * as tf from '@tensorflow/tfjs-layers';

import type { KeyValueCache } from '../ops/attention_cache';
import { isTapeOn } from '../ops/engine';
import { show } from './arguments';

/** Keyword arguments of a call on sequences. */
export interface SequenceKwargs {
  training?: boolean;
  /** `[batch, time]`: which tokens are real. tfjs gives that of the first input. */
  mask?: Tensor | (Tensor | null | undefined)[] | null;
  /** Earlier keys and values, to generate token by token. */
  cache?: KeyValueCache;
}

/**
 * Stops tfjs from computing this layer's mask a second time in `apply`, to hang it on the output,
 * where nothing reads it and nothing frees it. Masks of models are not concerned: those are computed
 * by the model.
 */
export function withoutMaskMetadata(layer: tf.layers.Layer): void {
  (layer as unknown as { setMaskMetadata: () => void }).setMaskMetadata = () => undefined;
}

/** The first of one or several masks. */
export function firstMask(mask: SequenceKwargs['mask']): Tensor | undefined {
  return (Array.isArray(mask) ? mask[0] : mask) ?? undefined;
}

/**
 * Checks that a mask is one of `x`, `[batch, time]` for `[batch, time, ...]`.
 *
 * @throws when it is not: tfjs hands the mask of one branch of a model on to layers of a later
 *   branch whose own input has none
 */
export function fittingMask(
  owner: string,
  x: Tensor,
  mask: Tensor | undefined,
): Tensor | undefined {
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

/**
 * Asserts that a call may use a cache, when it is given one.
 *
 * @param isCausal whether every token depends on earlier ones only
 */
export function checkCache(
  owner: string,
  { cache, training }: SequenceKwargs,
  isCausal: boolean,
): void {
  if (!cache) return;
  if (!isCausal) {
    throw new Error(
      `${owner}: a cache is given, but self-attention without useCausalMask sees later tokens, ` +
        `which a cache cannot know; set useCausalMask: true`,
    );
  }
  if (training === true || isTapeOn()) {
    throw new Error(
      `${owner}: a cache is given in training, where earlier tokens would get no gradient; train ` +
        `on whole sequences without a cache`,
    );
  }
}

/** One tensor or several, as a list. */
export function toTensors(inputs: Tensor | Tensor[]): Tensor[] {
  return Array.isArray(inputs) ? inputs : [inputs];
}

/** Width of `[batch, time, width]`. */
export function sequenceWidth(owner: string, shape: tf.Shape): number {
  const width = shape[2];
  if (shape.length === 3 && width != null) return width;
  throw new Error(
    `${owner}: input shape ${show(shape)}; expected [batch, time, width] with known width`,
  );
}
