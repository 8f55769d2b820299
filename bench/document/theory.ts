/** What memory should be, from the shapes of a network. */
import { anchorColumns } from '../../src/ops/reversible/anchors';
import type { NetworkWorkload } from '../suite/workload';

const BYTES = 4;

/** Bytes of the features of one column, all levels. */
export function featureBytes({ network, batch, extent }: NetworkWorkload): number {
  if (network.kind === 'tokens') return BYTES * batch * extent * network.width * network.levels;
  return network.channels.reduce((sum, channels, level) => {
    const side = Math.floor(extent / network.patchSize / 2 ** level);
    return sum + BYTES * batch * channels * side ** 2;
  }, 0);
}

/** Columns whose features reversible mode keeps while all alphas are as they start, 0.5. */
export function anchorCount({ network }: NetworkWorkload): number {
  const levels = network.kind === 'tokens' ? network.levels : network.channels.length;
  const alphas = Array.from({ length: network.columns }, () =>
    Array.from({ length: levels }, () => 0.5),
  );
  return anchorColumns(alphas, 'auto').size;
}

/** What reversible mode's peak should gain from one number of columns to another, in bytes. */
export interface Gain {
  weights: number;
  gradients: number;
  anchors: number;
  anchorsMore: number;
}

/** The gain between two networks that differ in columns only. */
export function columnGain(
  from: { workload: NetworkWorkload; parameters: number },
  to: { workload: NetworkWorkload; parameters: number },
): Gain {
  const weights = BYTES * (to.parameters - from.parameters);
  const anchorsMore = anchorCount(to.workload) - anchorCount(from.workload);
  return {
    weights,
    gradients: weights,
    anchors: anchorsMore * featureBytes(to.workload),
    anchorsMore,
  };
}

/** Bytes of weights and of their gradients: what every mode takes. */
export const weightBytes = (parameters: number) => 2 * BYTES * parameters;
