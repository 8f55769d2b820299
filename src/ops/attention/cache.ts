/** Keys and values of earlier tokens, for generating without computing them again. */
import * as tf from '@tensorflow/tfjs-core';

import { tidyAll } from '../engine/tensors';

/** Keys and values that an attention has seen so far. */
export interface CachedTokens {
  /** `[batch, tokens, width]` */
  key: tf.Tensor;
  /** `[batch, tokens, width]` */
  value: tf.Tensor;
  /** `[batch, tokens]` of 0 and 1, float32; absent where every token may be seen. */
  mask?: tf.Tensor;
}

/**
 * Keys and values of all attention layers of a network, for generating token by token without
 * computing earlier ones again. Give one cache to every layer in turn; each finds its own part.
 * Holds tensors until `dispose`.
 */
export class KeyValueCache {
  private readonly growing = new Map<object, CachedTokens>();
  private readonly fixed = new Map<object, CachedTokens>();

  /** Number of tokens that self-attention has seen; 0 at first. */
  get length(): number {
    const lengths = [...this.growing.values()].map(({ key }) => key.shape[1] as number);
    return lengths.length === 0 ? 0 : Math.max(...lengths);
  }

  /**
   * Adds new tokens of one self-attention and gives all of them; the tensors stay the cache's.
   *
   * @param owner identifies the attention, for example one of its variables
   * @throws {Error} when the batch has another size than before
   */
  append(owner: object, tokens: CachedTokens): CachedTokens {
    const old = this.growing.get(owner);
    const [batch, count] = tokens.key.shape as [number, number];
    if (old && old.key.shape[0] !== batch) {
      throw new Error(
        `KeyValueCache: batch of ${batch} given after one of ${old.key.shape[0]}; use a new cache, ` +
          `or gather() the entries to keep`,
      );
    }
    const joined = tidyAll((): CachedTokens => {
      if (!old) return copy(tokens);
      const hasMask = old.mask != null || tokens.mask != null;
      return {
        key: tf.concat([old.key, tokens.key], 1),
        value: tf.concat([old.value, tokens.value], 1),
        mask: hasMask
          ? tf.concat(
              [
                old.mask ?? tf.ones([batch, old.key.shape[1] as number]),
                tokens.mask ? tf.cast(tokens.mask, 'float32') : tf.ones([batch, count]),
              ],
              1,
            )
          : undefined,
      };
    });
    this.put(this.growing, owner, joined);
    return joined;
  }

  /** Keys and values that do not grow, those of cross-attention: computed at the first call. */
  once(owner: object, make: () => CachedTokens): CachedTokens {
    const known = this.fixed.get(owner);
    if (known) return known;
    const tokens = tidyAll(() => copy(make()));
    this.put(this.fixed, owner, tokens);
    return tokens;
  }

  /**
   * Replaces the batch by a choice of its entries, as beam search does.
   *
   * @param indices entries to keep, with repetition, `[new batch]`
   */
  gather(indices: readonly number[]): void {
    const at = tf.tensor1d([...indices], 'int32');
    for (const map of [this.growing, this.fixed]) {
      for (const [owner, { key, value, mask }] of [...map]) {
        const chosen = tidyAll((): CachedTokens => ({
          key: tf.gather(key, at),
          value: tf.gather(value, at),
          mask: mask ? tf.gather(mask, at) : undefined,
        }));
        this.put(map, owner, chosen);
      }
    }
    at.dispose();
  }

  /** Frees all tensors; the cache is then empty and may be used anew. */
  dispose(): void {
    for (const map of [this.growing, this.fixed]) {
      for (const tokens of map.values()) release(tokens);
      map.clear();
    }
  }

  private put(map: Map<object, CachedTokens>, owner: object, tokens: CachedTokens): void {
    const old = map.get(owner);
    tf.keep(tokens.key);
    tf.keep(tokens.value);
    if (tokens.mask) tf.keep(tokens.mask);
    map.set(owner, tokens);
    if (old) release(old);
  }
}

function copy({ key, value, mask }: CachedTokens): CachedTokens {
  return {
    key: tf.clone(key),
    value: tf.clone(value),
    mask: mask && tf.clone(tf.cast(mask, 'float32')),
  };
}

function release({ key, value, mask }: CachedTokens): void {
  tf.dispose([key, value, ...(mask ? [mask] : [])]);
}
