/** What fine-tuning does where nothing is said: by the number of examples and the size of pictures. */

/** What is trained: everything, the head alone, or low-rank adapters and the head. */
export type TrainedParts = 'all' | 'head' | 'adapters';

/** What the usual values depend on. */
export interface Situation {
  /** Examples that are trained on. */
  readonly count: number;
  /** Side of the pictures in pixels, as the model takes them; undefined for other inputs. */
  readonly side?: number;
  readonly train: TrainedParts;
  /** Whether the model knows nothing yet: a size without weights. */
  readonly isFresh: boolean;
  /** Whether the head is new. */
  readonly hasNewHead: boolean;
}

/** Below it a picture has few pixels: bigger batches fit, and strong augmentation leaves nothing to see. */
const SMALL_SIDE = 64;

/** Number of passes over the examples, by the most examples that it is for. */
const EPOCHS: readonly [most: number, epochs: number][] = [
  [500, 40],
  [2000, 30],
  [10_000, 20],
  [50_000, 12],
  [Infinity, 8],
];

export function usualEpochs({ count, isFresh }: Situation): number {
  const [, epochs] = EPOCHS.find(([most]) => count <= most) as [number, number];
  // Weights that begin at random have farther to go.
  return isFresh ? 2 * epochs : epochs;
}

/** Passes in which only a new head is trained: its first gradients would spoil what is below it. */
export function usualHeadEpochs({ train, isFresh, hasNewHead }: Situation, epochs: number): number {
  if (train !== 'all' || isFresh || !hasNewHead) return 0;
  return Math.min(5, Math.max(1, Math.round(0.15 * epochs)), epochs - 1);
}

/** A power of two with 16 steps and more in an epoch, from 8 to 32, or to 64 for small pictures. */
export function usualBatch({ count, side }: Pick<Situation, 'count' | 'side'>): number {
  const largest = side !== undefined && side <= SMALL_SIDE ? 6 : 5;
  const exponent = Math.round(Math.log2(Math.max(1, count) / 16));
  return 2 ** Math.min(largest, Math.max(3, exponent));
}

/** Learning rates at a batch of 32. */
const RATES = { fresh: 1e-3, freshSmall: 4e-3, all: 3e-4, head: 2e-3, adapters: 1e-3 };

/** Highest learning rate; it goes with the root of the batch, as the noise of Adam's steps does. */
export function usualRate({ train, isFresh, side }: Situation, batch: number): number {
  // Networks for small pictures are small, and bear more.
  const fresh = side !== undefined && side <= SMALL_SIDE ? 'freshSmall' : 'fresh';
  return RATES[isFresh && train === 'all' ? fresh : train] * Math.sqrt(batch / 32);
}

/** The same for the passes in which only the head is trained. */
export function usualHeadRate(batch: number): number {
  return RATES.head * Math.sqrt(batch / 32);
}

export function usualAugmentation({ side, count }: Situation): 'none' | 'light' | 'medium' {
  if (side === undefined) return 'none';
  return side <= SMALL_SIDE || count > 50_000 ? 'light' : 'medium';
}

/** Decay of the averages of weights: over a tenth of the steps; null where these are too few. */
function usualEmaDecay(steps: number): number | null {
  return steps < 50 ? null : Math.min(0.9999, 1 - 10 / steps);
}

/** The decay that the option says, or the usual one; null for none. */
export function emaDecayOf(ema: boolean | number, steps: number): number | null {
  if (typeof ema === 'number') return ema;
  return ema ? usualEmaDecay(steps) : null;
}

/** Epochs to wait for a better one. */
export function usualPatience(epochs: number): number {
  return Math.max(5, Math.ceil(epochs / 3));
}

/** Steps in which the learning rate rises: a twentieth of them, 500 at most. */
export function warmupOf(steps: number): number {
  return Math.min(500, Math.floor(steps / 20));
}
