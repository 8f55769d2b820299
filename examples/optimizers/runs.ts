/** All trainings of the comparison, in order; those that are done are not repeated. */
import * as fs from 'node:fs';
import * as path from 'node:path';

import { DATA_SETS, type DataSetName } from '../fashion/data';
import { accuracyOf } from '../fashion/train';
import { readRecordFile, writeRecordFile } from '../shared/records';
import { type Contestant, CONTESTANTS, SEEDS, STEPS, SWEEP } from './settings';
import { type Run, train } from './train';

/** What is known of a finished training; accuracies in percent. */
export interface RunRecord {
  contestant: string;
  set: DataSetName;
  rate: number;
  steps: number;
  seed: number;
  heldOut: number;
  /** Of trainings that count; null of tries, so that nothing can be chosen by it. */
  test: number | null;
}

export const SETS = ['digits', 'fashion'] as const;

const recordFile = (out: string, { contestant, set, rate, steps, seed }: Run): string =>
  path.join(
    out,
    `${contestant.name.toLowerCase().replace(/[^a-z0-9]+/g, '-')}.${set}.${rate}.${steps}.${seed}.json`,
  );

/** The record of a run; undefined while it is not done. */
export const readRecord = (out: string, run: Run): RunRecord | undefined =>
  readRecordFile(recordFile(out, run)) as RunRecord | undefined;

/** The tries of the rates. */
export const sweepOf = (contestant: Contestant): Run[] =>
  contestant.rates.map((rate) => ({ contestant, rate, ...SWEEP }));

/** The rate that did best on the held-out part, the lower of equals; undefined while not all have been tried. */
export function chosenRate(out: string, contestant: Contestant): number | undefined {
  const records = sweepOf(contestant).map((run) => readRecord(out, run));
  if (records.some((record) => record === undefined)) return undefined;
  return (records as RunRecord[]).reduce((a, b) => (b.heldOut > a.heldOut ? b : a)).rate;
}

/** The trainings that count: a contestant with its rate, by each seed. */
export function finalRuns(out: string, contestant: Contestant, set: DataSetName): Run[] {
  const rate = chosenRate(out, contestant);
  if (rate === undefined) return [];
  return SEEDS.map((seed) => ({ contestant, set, rate, steps: STEPS[set], seed }));
}

/** Takes all trainings that are not done. */
export async function trainAll(out: string, data: string): Promise<void> {
  fs.mkdirSync(out, { recursive: true });
  for (const set of SETS) {
    const split = DATA_SETS[set].load(data);
    const trainOne = async (run: Run, counts: boolean) => {
      if (readRecord(out, run)) return;
      const { model, optimizer } = await train(run, split.train);
      const percent = (part: typeof split.test) =>
        Number(accuracyOf(model, part, DATA_SETS[set]).toFixed(2));
      const record: RunRecord = {
        ...run,
        contestant: run.contestant.name,
        heldOut: percent(split.validation),
        test: counts ? percent(split.test) : null,
      };
      optimizer.dispose();
      model.dispose();
      writeRecordFile(recordFile(out, run), record);
    };
    for (const contestant of set === SWEEP.set ? CONTESTANTS : []) {
      for (const run of sweepOf(contestant)) await trainOne(run, false);
    }
    // By seed first: whatever is there when it is stopped is there of all contestants.
    for (const seed of SEEDS) {
      for (const contestant of CONTESTANTS) {
        const run = finalRuns(out, contestant, set).find((one) => one.seed === seed) as Run;
        await trainOne(run, true);
      }
    }
  }
}
