/** Which keys a query may see: padding, pairs and causality made into one term of the scores. */
import * as tf from '@tensorflow/tfjs-core';

import { tidyAll } from '../engine/tensors';

/** What a masked score is lowered by; `exp` of it is exactly 0 in float32. */
const LOW = -1e9;

/** Which keys a query may see. Everything absent: all of them. */
export interface AttentionMasks {
  /** `[batch, keys]` of 0 and 1, any dtype: 1 where a key may be seen. */
  keyMask?: tf.Tensor;
  /** `[batch or 1, queries, keys]` of 0 and 1, any dtype. */
  attentionMask?: tf.Tensor;
  /**
   * Set for causal attention: query i sees key j only where `j <= i + causalOffset`. 0 where
   * queries and keys stand at the same places; the number of earlier tokens where keys are cached.
   */
  causalOffset?: number;
}

/** The masks for some rows of queries. */
export interface ChunkMask {
  /** Number of leading keys that any of these queries can see; the others need not be looked at. */
  keys: number;
  /** `[batch or 1, 1, rows, keys]`, to be added to the scores; null where nothing is hidden. */
  bias: tf.Tensor4D | null;
  /** 1 for queries that see a key at all, `[batch or 1, 1, rows, 1]`; null where all do. */
  sighted: tf.Tensor4D | null;
}

/**
 * Combines the masks for queries `[start, end)`. The tensors are the caller's.
 *
 * @param keys number of keys in all
 */
export function chunkMask(
  { keyMask, attentionMask, causalOffset }: AttentionMasks,
  start: number,
  end: number,
  keys: number,
): ChunkMask {
  const seen =
    causalOffset == null ? keys : Math.min(keys, Math.max(1, end + Math.trunc(causalOffset)));
  return tidyAll(() => {
    const terms: tf.Tensor4D[] = [];
    if (keyMask) terms.push(keyBias(keyMask, seen));
    if (attentionMask) terms.push(pairBias(attentionMask, start, end, seen));
    // Causal attention alone leaves every query at least its own key.
    const mayBlind = terms.length > 0 || (causalOffset ?? 0) < 0;
    const triangle = causalOffset == null ? null : causalBias(start, end, seen, causalOffset);
    if (triangle) terms.push(triangle);
    if (terms.length === 0) return { keys: seen, bias: null, sighted: null };
    const bias = terms.reduce((a, b) => tf.add(a, b));
    const sighted = mayBlind ? tf.greater(tf.max(bias, -1, true), LOW / 2) : null;
    return { keys: seen, bias, sighted: sighted && (tf.cast(sighted, 'float32') as tf.Tensor4D) };
  });
}

function toBias(visible: tf.Tensor): tf.Tensor {
  return tf.mul(tf.sub(1, tf.cast(visible, 'float32')), LOW);
}

/** `keyMask` as what is added to the scores of keys, `[batch, keys]`. */
export function maskBias(keyMask: tf.Tensor): tf.Tensor {
  return tf.tidy(() => toBias(keyMask));
}

function keyBias(keyMask: tf.Tensor, seen: number): tf.Tensor4D {
  const batch = keyMask.shape[0] as number;
  const cut = tf.slice(keyMask as tf.Tensor2D, [0, 0], [batch, seen]);
  return tf.reshape(toBias(cut), [batch, 1, 1, seen]);
}

function pairBias(mask: tf.Tensor, start: number, end: number, seen: number): tf.Tensor4D {
  const batch = mask.shape[0] as number;
  const cut = tf.slice(mask as tf.Tensor3D, [0, start, 0], [batch, end - start, seen]);
  return tf.reshape(toBias(cut), [batch, 1, end - start, seen]);
}

/** Hides what comes later; null where these rows see all `seen` keys. */
function causalBias(start: number, end: number, seen: number, offset: number): tf.Tensor4D | null {
  if (start + offset >= seen - 1) return null;
  const rows = end - start;
  const values = new Float32Array(rows * seen);
  for (let i = 0; i < rows; i++) {
    values.fill(LOW, i * seen + Math.max(0, start + i + offset + 1), (i + 1) * seen);
  }
  return tf.tensor4d(values, [1, 1, rows, seen]);
}
