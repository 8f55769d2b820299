/** Trains the models between a transformer and a RevCol; those that are done are not repeated. */
import * as fs from 'node:fs';

import { loadTexts } from '../language-model/data';
import { type Run, trainOne } from './runs';
import type { Study } from './settings';
import { type Step, STEP_SEEDS, STEPS } from './steps';

/** Takes all trainings, of every step the first seed first. It may be stopped: what is done counts. */
export async function bisect(study: Study): Promise<void> {
  fs.mkdirSync(study.out, { recursive: true });
  const texts = loadTexts();
  for (const seed of STEP_SEEDS) {
    for (const step of STEPS) {
      console.log(`${step.name}, seed ${seed}`);
      await trainOne(study, runOf(step, seed), texts);
    }
  }
}

/** The training of a step with a seed. */
export function runOf({ settings }: Step, seed: number): Run {
  return { contestant: { name: 'bisect' }, settings, seed, scored: 'train' };
}
