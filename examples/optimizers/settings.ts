/** Who takes part in the comparison, and the recipe that all are trained by. */
import type { DataSetName } from '../fashion/data';

/** What trains the network, and from which weights. */
export interface Contestant {
  /** How results name it. */
  readonly name: string;
  readonly optimizer: 'adamw' | 'adamw8' | 'lion' | 'adafactor';
  /** Which weights are trained: all from random ones, or, from those of the other set, all or adapters and the head. */
  readonly start: 'random' | 'other set' | 'adapters';
  /** Highest rates that are tried; as many for each. */
  readonly rates: readonly [number, number, number, number];
  readonly weightDecay: number;
}

const ADAMW = { rates: [0.002, 0.005, 0.012, 0.03], weightDecay: 0.05 } as const;

/** AdamW in float32 comes first of those with the same start: the others are compared with it. */
export const CONTESTANTS: readonly Contestant[] = [
  { name: 'AdamW', optimizer: 'adamw', start: 'random', ...ADAMW },
  { name: 'AdamW, 8-bit moments', optimizer: 'adamw8', start: 'random', ...ADAMW },
  // Rates and decay as the authors advise: three to ten times less, and as much more.
  {
    name: 'Lion',
    optimizer: 'lion',
    start: 'random',
    rates: [0.0005, 0.0012, 0.003, 0.008],
    weightDecay: 0.25,
  },
  { name: 'Adafactor', optimizer: 'adafactor', start: 'random', ...ADAMW },
  { name: 'AdamW, all weights', optimizer: 'adamw', start: 'other set', ...ADAMW },
  // Those of a few weights want higher rates.
  {
    name: 'AdamW, adapters',
    optimizer: 'adamw',
    start: 'adapters',
    rates: [0.005, 0.012, 0.03, 0.08],
    weightDecay: 0.05,
  },
];

/** Rank of the adapters. */
export const RANK = 8;

/** The other set: its weights are what `other set` and `adapters` start from. */
export const OTHER: Readonly<Record<DataSetName, DataSetName>> = {
  digits: 'fashion',
  fashion: 'digits',
};

/** How many of the training pictures are learned from: of digits all that there are. */
export const PICTURES: Readonly<Record<DataSetName, number>> = { digits: 7500, fashion: 10000 };

/** The recipe: plain pictures, linear warm-up over a tenth of the steps and half a cosine. */
export const TRAINING = { batch: 50, labelSmoothing: 0.1, warmup: 0.1 } as const;

/** Steps of a training that counts: three epochs and two. */
export const STEPS: Readonly<Record<DataSetName, number>> = { digits: 450, fashion: 400 };

/** The tries, by which rates are chosen on the held-out part: on digits, for both sets. */
export const SWEEP = { set: 'digits', steps: 225, seed: 100 } as const;

/** Seeds of weights and of the order of pictures of the trainings that count. */
export const SEEDS = [1, 2, 3] as const;
