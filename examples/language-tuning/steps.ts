/** What lies between an ordinary transformer and a RevCol, one change at a time. */
import type { Pieces } from '../language-model/pieces';
import { SEARCH_SEED, type Settings } from './settings';

/** A model on the way; each differs in one thing from another. */
export interface Step {
  name: string;
  /** Which other; the transformer differs from none. */
  from?: string;
  settings: Settings;
}

const TRANSFORMER: Step = {
  name: 'transformer',
  settings: {
    ...{ rate: 0.004, dropout: 0.1, initial: { kernels: '0.02' } },
    pieces: { columns: 1, depths: [6] },
  },
};

/** Names, each with what it is made from and the change; those that tell most first. */
const CHANGES: readonly (readonly [name: string, from: string, change: Partial<Pieces>])[] = [
  ['RevCol', 'transformer', { columns: 3, depths: [1, 1] }],
  ['RevCol, norms alone', 'RevCol', { paths: 'norm' }],
  ['RevCol without fusions', 'RevCol', { paths: 'none' }],
  ['RevCol, linear alone', 'RevCol', { paths: 'linear' }],
  ['two levels', 'transformer', { depths: [3, 3] }],
  ['two levels, norm alone', 'two levels', { paths: 'norm' }],
  ['RevCol without alpha', 'RevCol', { kept: 'never' }],
  ['RevCol, alpha before blocks', 'RevCol', { kept: 'before' }],
  ['RevCol, alpha 1', 'RevCol', { fixedAlpha: 1 }],
  ['RevCol, head on all levels', 'RevCol', { reads: 'sum' }],
];

/** All of them, the transformer first. */
export const STEPS: readonly Step[] = CHANGES.reduce<Step[]>(
  (steps, [name, from, change]) => {
    const { settings } = steps.find((step) => step.name === from) as Step;
    const pieces = { ...(settings.pieces as Pieces), ...change };
    return [...steps, { name, from, settings: { ...settings, pieces } }];
  },
  [TRANSFORMER],
);

/** Their seeds: that of the tries first. */
export const STEP_SEEDS = [SEARCH_SEED, 101, 102] as const;
