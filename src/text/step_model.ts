/** What all decoding works on: a network that says what may follow some tokens. */
import type * as tf from '@tensorflow/tfjs-core';

import type { OptionNames } from '../common/options';
import type { KeyValueCache } from '../ops/attention/cache';

/** A network that says what may follow some tokens: what all decoding in this room works on. */
export interface StepModel {
  /**
   * Takes the next tokens of every sequence and gives scores of what follows. Runs in a tidy.
   *
   * @param ids the new tokens only, `[batch, count]`, int32: the prompt at first, then one at a time
   * @param cache what earlier calls have seen; its `length` is the position of the first new token.
   *   Decoding reorders, repeats and drops its batch entries, so nothing else may depend on them
   * @returns logits after the last token, `[batch, vocabulary]`, float32
   */
  step(ids: tf.Tensor2D, cache: KeyValueCache): tf.Tensor2D;
}

/** What all ways of decoding have in common. */
export interface DecodeOptions {
  /** Most tokens to generate, from 1, `endId` included. */
  maxNewTokens: number;
  /** The token that ends a sequence. Without it every sequence gets `maxNewTokens`. */
  endId?: number;
  /** Tokens never to be generated, such as padding. Default none. */
  suppressIds?: readonly number[];
}

/** Their names. */
export const DECODE_OPTIONS: OptionNames<DecodeOptions> = {
  maxNewTokens: true,
  endId: true,
  suppressIds: true,
};

/** A generated sequence. */
export interface Decoded {
  /** Generated tokens, without the prompt and without `endId`. */
  ids: number[];
  /** Natural logarithm of the sequence's probability given the prompt, `endId` included. */
  logProb: number;
  /** Whether it ended with `endId`, rather than at `maxNewTokens`. */
  ended: boolean;
}
