/** What a model.json says of its weights. */
import type * as tf from '@tensorflow/tfjs-core';

const ELEMENT_BYTES: Partial<Record<string, number>> = {
  float32: 4,
  int32: 4,
  complex64: 8,
  bool: 1,
  float16: 2,
  uint16: 2,
  uint8: 1,
};

/**
 * Bytes of a group of weights, which its files hold one after another; undefined where the shapes
 * do not tell (strings, and types that this version of tfjs does not have).
 */
export function groupBytes(weights: readonly tf.io.WeightsManifestEntry[]): number | undefined {
  let bytes = 0;
  for (const { shape, dtype, quantization } of weights) {
    const perElement = ELEMENT_BYTES[quantization?.dtype ?? dtype];
    if (perElement === undefined) return undefined;
    bytes += shape.reduce((product, d) => product * d, perElement);
  }
  return bytes;
}
