/** Layers of a second copy of tfjs-layers: seen where they meet this package's. */
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

import { twoCopies, warnOfTwoCopies } from '../../common/copies';

/** Where tfjs-layers extends the classes of another copy of tfjs-core than this package uses; null where not. */
export function secondLayers(): string | null {
  if (tfl.layers.Layer.prototype instanceof tf.serialization.Serializable) return null;
  return (
    `@tensorflow/tfjs-layers ${tfl.version_layers} uses another copy of @tensorflow/tfjs-core than ` +
    `tfjs-revcol, which uses ${tf.version_core}`
  );
}

/** Warns of such a copy. */
export function checkLayers(): void {
  const copies = secondLayers();
  if (copies) warnOfTwoCopies(copies);
}

function says(value: unknown, ...names: string[]): boolean {
  return typeof value === 'object' && value !== null && names.every((name) => name in value);
}

/**
 * Asserts that the inputs of a layer are no symbolic tensors of another copy of tfjs-layers, which the
 * layer would take for data.
 *
 * @param owner class name for the message
 * @throws {Error} when one of them is
 */
export function requireOwnSymbols(owner: string, inputs: unknown): void {
  for (const input of Array.isArray(inputs) ? (inputs as unknown[]) : [inputs]) {
    if (input instanceof tfl.SymbolicTensor || !says(input, 'sourceLayer', 'nodeIndex')) continue;
    throw new Error(
      `${owner}: ${twoCopies(
        `the input is a symbolic tensor of another copy of @tensorflow/tfjs-layers than the ` +
          `${tfl.version_layers} that tfjs-revcol uses`,
      )}`,
    );
  }
}

/**
 * Asserts that a layer that a user gives is none of another copy of tfjs-layers.
 *
 * @param owner class name for the message
 * @throws {Error} when it is
 */
export function requireOwnLayer(owner: string, layer: unknown): void {
  if (layer instanceof tfl.layers.Layer || !says(layer, 'getConfig', 'inboundNodes')) return;
  throw new Error(
    `${owner}: ${twoCopies(
      `the layer '${(layer as { name?: string }).name}' is of another copy of ` +
        `@tensorflow/tfjs-layers than the ${tfl.version_layers} that tfjs-revcol uses`,
    )}`,
  );
}
