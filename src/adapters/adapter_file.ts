/** What a file of adapters holds beside them, and which model it belongs to. */
import type * as tfl from '@tensorflow/tfjs-layers';

import type { PartTree } from '../layers/base/frozen_parts';
import { crc32 } from '../weights/zip/crc32';
import type { AdapterSet } from './adapter_set';

/** Endings of the names of an adapter's two tensors. */
export const DOWN = '/lora_a';
export const UP = '/lora_b';

/** Version of the file's form, under this key of its metadata. */
export const FORMAT_KEY = 'tfjs_revcol_adapters';
export const FORMAT = '1';

/** A weight of the model that is no adapter's. */
export interface BaseWeight {
  readonly path: string;
  readonly weight: tfl.LayerVariable;
}

/** The weights of a model that are no adapter's, in an order that does not depend on what is trained. */
export function baseWeights(tree: PartTree, set: AdapterSet | undefined): BaseWeight[] {
  const factors = new Set(set?.adapters.flatMap(({ down, up }) => [down, up]));
  const seen = new Set<tfl.LayerVariable>(factors);
  // A layer that stands both in a nested model and outside of it has its weights once.
  const all = weightsIn(tree).filter(
    ({ weight }) => !seen.has(weight) && Boolean(seen.add(weight)),
  );
  return all.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function weightsIn({ weights, parts }: PartTree): BaseWeight[] {
  return [...weights, ...parts.flatMap(weightsIn)];
}

/** The weights that a layer changes as it runs, such as moving statistics. */
export function stateIn({ layer, parts, weights }: PartTree): Set<tfl.LayerVariable> {
  const own = new Set(layer['_nonTrainableWeights']);
  return new Set([
    ...weights.flatMap(({ weight }) => (own.has(weight) ? [weight] : [])),
    ...parts.flatMap((part) => [...stateIn(part)]),
  ]);
}

/** Alphas below the least magnitude are raised in the first run, so they do not tell a model. */
const ALPHA = /\/alpha$/;

/**
 * A checksum of weights, shapes included: eight hexadecimal digits of a CRC-32. Reads one weight at a
 * time.
 */
export async function checksumOf(weights: readonly BaseWeight[]): Promise<string> {
  const text = new TextEncoder();
  let crc = 0;
  for (const { path, weight } of weights) {
    if (ALPHA.test(path)) continue;
    crc = crc32(text.encode(JSON.stringify(weight.shape)), crc);
    const data = await weight.read().data();
    crc = crc32(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), crc);
  }
  return crc.toString(16).padStart(8, '0');
}
