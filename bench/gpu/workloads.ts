/** What the portable bundle measures, in the order of its worth: it may be cut off. */
import type { Variant } from '../suite/contestants';
import {
  imageNetwork,
  type Network,
  type NetworkWorkload,
  type TokenNetwork,
} from '../suite/workload';

/** A contest to be held. */
export interface Planned {
  workload: NetworkWorkload;
  variants: Variant[];
  rounds: number;
  /** Whether outputs and gradients are compared first: once for each kind of network. */
  check: boolean;
  /** False: each alone, for memory. */
  turns: boolean;
}

const TRANSFORMER: TokenNetwork = {
  kind: 'tokens',
  columns: 8,
  levels: 4,
  depth: 1,
  width: 256,
  heads: 4,
  vocabulary: 256,
};

interface Sizes {
  image: { network: Network; extent: number };
  tokens: { network: TokenNetwork; extent: number };
  batches: number[];
  columns: number[];
  rounds: number;
}

const FULL: Sizes = {
  image: { network: imageNetwork('tiny'), extent: 224 },
  tokens: { network: TRANSFORMER, extent: 512 },
  batches: [1, 8, 32, 2, 4, 16],
  columns: [4, 8, 16],
  rounds: 5,
};

/** Small enough for a driver in software. */
const QUICK: Sizes = {
  image: { network: imageNetwork('digits', 2, 0.5), extent: 12 },
  tokens: { network: { ...TRANSFORMER, columns: 2, levels: 2, width: 16, heads: 2 }, extent: 8 },
  batches: [1, 2],
  columns: [2, 4],
  rounds: 2,
};

/** All contests. */
export function planned(quick: boolean): Planned[] {
  const { image, tokens, batches, columns, rounds } = quick ? QUICK : FULL;
  const timed = { rounds, check: false, turns: true };
  const all: Variant[] = ['reversible', 'stored', 'stock'];
  const each = batches.flatMap((batch, i): Planned[] => [
    { ...timed, workload: { ...image, pass: 'step', batch }, variants: all, check: i === 0 },
    { ...timed, workload: { ...tokens, pass: 'step', batch }, variants: all, check: i === 0 },
    { ...timed, workload: { ...image, pass: 'forward', batch }, variants: ['reversible', 'stock'] },
  ]);
  const memory = columns.map((count): Planned => {
    const network = { ...image.network, columns: count };
    const workload: NetworkWorkload = { ...image, network, pass: 'step', batch: batches[1] ?? 1 };
    return { workload, variants: all, rounds: 0, check: false, turns: false };
  });
  // What the first batches tell is worth most, then memory.
  const first = 3 * Math.min(3, batches.length);
  return [...each.slice(0, first), ...memory, ...each.slice(first)];
}
