/** What a call on sequences may be given besides its inputs: masks and caches. */
import type * as tf from '@tensorflow/tfjs-core';

import type { KeyValueCache } from '../../ops/attention/cache';
import { isTapeOn } from '../../ops/engine/engine';

/** Keyword arguments of a call on sequences. */
export interface SequenceKwargs {
  training?: boolean;
  /** `[batch, time]`: which tokens are real. tfjs gives that of the first input. */
  mask?: tf.Tensor | (tf.Tensor | null | undefined)[] | null;
  /** Earlier keys and values, to generate token by token. */
  cache?: KeyValueCache;
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
