/** Who takes part, what is tried of each, and what all have in common. */
import type { ColumnShape, TransformerSettings } from '../language-model/models';
import type { Pieces } from '../language-model/pieces';
import type { Initial } from './initial';

/** Where the trainings are kept, and how long they are. */
export interface Study {
  out: string;
  epochs: number;
}

/** What a training is determined by, beside its seed. */
export interface Settings {
  rate: number;
  dropout: number;
  initial: Initial;
  /** How a RevCol is arranged. */
  columns?: ColumnShape;
  /** How an ordinary transformer is. */
  transformer?: TransformerSettings;
  /** What is between them. */
  pieces?: Pieces;
}

/** One thing that is changed in the settings. */
export interface Change {
  /** As results name it. */
  readonly name: string;
  readonly set: (settings: Settings) => Settings;
}

/** A model that is tuned. */
export interface Contestant {
  readonly name: string;
  /** What the package, or the example, has. */
  readonly start: Settings;
  /**
   * What is tried: of each group one change after the other, all with what was best in the groups before. As many for
   * each contestant.
   */
  readonly groups: readonly (readonly Change[])[];
}

const rate = (value: number): Change => ({
  name: `rate ${value}`,
  set: (settings) => ({ ...settings, rate: value }),
});
const initial = (name: string, change: Partial<Initial>): Change => ({
  name,
  set: (settings) => ({ ...settings, initial: { ...settings.initial, ...change } }),
});
const columns = (count: number, depths: readonly number[]): Change => ({
  name: `${count} x ${depths.join('+')} blocks`,
  set: (settings) => ({ ...settings, columns: { columns: count, depths } }),
});
const transformer = (name: string, change: Partial<TransformerSettings>): Change => ({
  name,
  set: (settings) => ({
    ...settings,
    transformer: { ...(settings.transformer as TransformerSettings), ...change },
  }),
});

/** What both are tried with alike. */
const KERNELS = [initial('kernels fan-in', { kernels: 'fan-in' })];
const RATES = [rate(0.004), rate(0.008)];
/** As GPT-2 has it: by the root of the number of branches. */
const BRANCHES = initial('branches / √12', { branches: Number((12 ** -0.5).toFixed(4)) });

const START = { rate: 0.002, dropout: 0.1, initial: { kernels: '0.02' } } as const;

export const CONTESTANTS: readonly Contestant[] = [
  {
    name: 'RevCol',
    start: {
      ...START,
      initial: { ...START.initial, fusions: '0.02', alpha: 0.5 },
      columns: { columns: 3, depths: [1, 1] },
    },
    groups: [
      KERNELS,
      [
        initial('fusions identity', { fusions: 'identity' }),
        initial('fusions orthogonal', { fusions: 'orthogonal' }),
      ],
      RATES,
      [BRANCHES],
      [columns(1, [3, 3])],
    ],
  },
  {
    name: 'transformer',
    start: { ...START, transformer: { blocks: 6 } },
    groups: [
      KERNELS,
      [BRANCHES, transformer('cosine attention', { attention: 'cosine' })],
      RATES,
      [transformer('3 blocks', { blocks: 3 })],
      [transformer('8 blocks', { blocks: 8 })],
    ],
  },
];

/** What all have in common. */
export const COMMON = { width: 64, heads: 4, batch: 16, warmup: 0.125 } as const;

/** Seed of the tries. */
export const SEARCH_SEED = 100;

/** Epochs of further trainings that count, as long as the example's, with the settings that the shorter tries chose. */
export const LONG = 8;

/** Seeds of the trainings that count. */
export const SEEDS = [1, 2, 3] as const;
