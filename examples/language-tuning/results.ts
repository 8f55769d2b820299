/** All that was found, as the committed file has it. */
import * as fs from 'node:fs';
import * as tf from '@tensorflow/tfjs';

import type { Perplexity } from '../language-model/train';
import { runOf } from './bisect';
import {
  finalRecord,
  type Length,
  lengthsOf,
  recordOf,
  type RunRecord,
  searchOf,
  type State,
  statesOf,
} from './runs';
import type { Search, Try } from './search';
import {
  COMMON,
  type Contestant,
  CONTESTANTS,
  SEARCH_SEED,
  type Settings,
  type Study,
} from './settings';
import { STEP_SEEDS, STEPS } from './steps';

/** Where it is. */
export const RESULTS = 'examples/language-tuning/results.json';

/** A training that counts. */
interface RunResult {
  seed: number;
  validation: Perplexity;
  test: Perplexity;
  seconds: number;
}

/** A contestant, before or after it was tuned. */
interface StateResult {
  state: State;
  epochs: number;
  settings: Settings;
  parameters: number;
  runs: RunResult[];
}

/** A contestant and what became of it. */
export interface ContestantResult {
  name: string;
  /** As many of each contestant: of a search that was stopped those that all have. */
  tries: Try[];
  /** Empty while a search is not done or no seed is complete. */
  states: StateResult[];
}

/** A model between a transformer and a RevCol, and what became of it. */
export interface StepResult {
  name: string;
  /** What it differs from in one thing. */
  from?: string;
  settings: Settings;
  parameters: number;
  runs: { seed: number; validation: Perplexity; train: Perplexity }[];
}

/** What the file holds. */
export interface Results {
  contestants: ContestantResult[];
  bisect: StepResult[];
}

/** Gathers what is in a folder of runs, and writes the file. */
export function writeResults(study: Study): void {
  const searches = CONTESTANTS.map((contestant) => searchOf(study, contestant));
  const count = Math.min(...searches.map(({ tries }) => tries.length));
  if (count === 0) throw new Error('no settings have been tried; run: train');
  const isTuned = searches.every(({ next }) => next === null);
  const lengths = isTuned ? completeLengths(study) : [];
  const contestants = CONTESTANTS.map((contestant, i): ContestantResult => ({
    name: contestant.name,
    tries: (searches[i] as Search).tries.slice(0, count).map((one) => ({
      ...one,
      perplexity: rounded(one.perplexity),
    })),
    states: stateResults(study, contestant, lengths),
  }));
  const bisect = stepResults(study);
  const about = {
    backend: tf.getBackend(),
    tfjs: tf.version_core,
    ...COMMON,
    epochs: study.epochs,
    searchSeed: SEARCH_SEED,
  };
  fs.writeFileSync(RESULTS, `${JSON.stringify({ about, contestants, bisect }, null, 1)}\n`);
}

/** Lengths and seeds that all contestants have been trained by, before and after they were tuned. */
function completeLengths(study: Study): Length[] {
  return lengthsOf(study).filter((length) =>
    CONTESTANTS.every((contestant) =>
      statesOf(study, length.epochs).every((state) =>
        finalRecord(study, contestant, state, length),
      ),
    ),
  );
}

function stateResults(
  study: Study,
  contestant: Contestant,
  lengths: readonly Length[],
): StateResult[] {
  const all = [...new Set(lengths.map(({ epochs }) => epochs))];
  return all.flatMap((epochs) =>
    statesOf(study, epochs).map((state) => {
      const records = lengths
        .filter((length) => length.epochs === epochs)
        .map((length) => finalRecord(study, contestant, state, length) as RunRecord);
      const { settings, parameters } = records[0] as RunRecord;
      const runs = records.map(({ seed, validation, test, seconds }) => ({
        seed,
        validation: perplexity(validation),
        test: perplexity(test as Perplexity),
        seconds,
      }));
      return { state, epochs, settings, parameters, runs };
    }),
  );
}

/** Steps and seeds that are done. */
function stepResults(study: Study): StepResult[] {
  return STEPS.flatMap((step) => {
    const { name, from, settings } = step;
    const records = STEP_SEEDS.flatMap((seed) => recordOf(study, runOf(step, seed)) ?? []);
    const [first] = records;
    if (!first) return [];
    const runs = records.map(({ seed, validation, train }) => ({
      seed,
      validation: perplexity(validation),
      train: perplexity(train as Perplexity),
    }));
    return [{ name, from, settings, parameters: first.parameters, runs }];
  });
}

const rounded = (value: number) => Number(value.toFixed(3));

function perplexity({ perToken, perByte }: Perplexity): Perplexity {
  return { perToken: rounded(perToken), perByte: rounded(perByte) };
}

/** The committed file. */
export function readResults(): Results {
  return JSON.parse(fs.readFileSync(RESULTS, 'utf8')) as Results;
}
