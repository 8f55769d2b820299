/** The networks of the experiment, equal in size, and the recipe that all of them are trained by. */
import { countMultiplyAdds, countParameters } from '../../src/registry/describe';

/** A network of the experiment. */
export interface Contestant {
  /** How results name it. */
  readonly name: string;
  readonly columns: number;
  /** Blocks of every level in every column. Columns times depth is 8 in all of them. */
  readonly depth: number;
  /** Channels of the levels, bottom first. */
  readonly channels: readonly number[];
  /** Whether it is trained with intermediate supervision. */
  readonly supervised: boolean;
}

/**
 * Eight blocks of each of three levels, arranged as one column or several. Later columns have fusions from above
 * and below in every level, so that their channels are fewer for the same number of weights and multiply-adds.
 */
export const CONTESTANTS: readonly Contestant[] = [
  { name: '1', columns: 1, depth: 8, channels: [12, 18, 28], supervised: false },
  { name: '2', columns: 2, depth: 4, channels: [12, 18, 27], supervised: false },
  { name: '4', columns: 4, depth: 2, channels: [12, 17, 26], supervised: false },
  { name: '8', columns: 8, depth: 1, channels: [12, 16, 23], supervised: false },
  { name: '4 supervised', columns: 4, depth: 2, channels: [12, 17, 26], supervised: true },
  { name: '8 supervised', columns: 8, depth: 1, channels: [12, 16, 23], supervised: true },
];

/** What all networks share. */
export const NETWORK = {
  /** Side of the pictures: 28 pixels of Fashion-MNIST, and two of background on every side. */
  side: 32,
  patchSize: 4,
  numClasses: 10,
} as const;

/** Which pictures of the official training part are for what, in an order of their own. */
export const SPLIT = { seed: 0, heldOut: 5000, training: 10000 } as const;

/** The recipe: AdamW, linear warm-up and half a cosine, no augmentation, no label smoothing. */
export const TRAINING = {
  batch: 64,
  epochs: 2,
  warmupSteps: 30,
  weightDecay: 0.05,
} as const;

/** Rates that each network is tried with, by a shorter run; the best on the held-out part is its own. */
export const SWEEP = { rates: [0.004, 0.01], epochs: 1, seed: 100 } as const;

/** Seeds of the weights and of the order of pictures. */
export const SEEDS = [1, 2, 3] as const;

/** Steps of so many epochs; a last batch that would not be full is left out. */
export const stepsOf = (epochs: number): number =>
  Math.floor(SPLIT.training / TRAINING.batch) * epochs;

/** Values in the weights, and multiply-adds per picture, of what classifies in the end: of one head. */
export function costs({ columns, depth, channels }: Contestant): {
  parameters: number;
  multiplyAdds: number;
} {
  const { side, patchSize, numClasses } = NETWORK;
  const network = {
    columns,
    channels,
    depths: channels.map(() => depth),
    patchSize,
    kernelSize: 3,
    topFusion: false,
    inputChannels: 1,
    numClasses,
  };
  return {
    parameters: countParameters(network),
    multiplyAdds: countMultiplyAdds(network, [side, side]),
  };
}
