/** All trainings of the experiment, in order; those that are done are not repeated. */
import * as fs from 'node:fs';
import * as path from 'node:path';

import { removeTraining } from 'tfjs-revcol/training';
import { readRecordFile, writeRecordFile } from '../shared/records';
import type { Part } from './data';
import { type Contestant, CONTESTANTS, SEEDS, SWEEP, TRAINING } from './settings';
import { accuracies, type Run, train } from './train';

/** What is known of a finished training. */
export interface RunRecord {
  contestant: string;
  rate: number;
  epochs: number;
  seed: number;
  /** Of the held-out part, by classifier, first to last. */
  heldOut: number[];
  /** Of this process. */
  seconds: number;
}

export const place = (out: string, run: Run): string => {
  const { contestant, rate, epochs, seed } = run;
  return path.join(
    out,
    `${contestant.name.replace(' ', '-')}.${rate}.${epochs}.${seed}.safetensors`,
  );
};

const recordOf = (out: string, run: Run) => place(out, run).replace(/safetensors$/, 'json');

/** The record of a run; undefined while it is not done. */
export const readRecord = (out: string, run: Run): RunRecord | undefined =>
  readRecordFile(recordOf(out, run)) as RunRecord | undefined;

/** The tries of the rates of a network. */
export const sweepOf = (contestant: Contestant): Run[] =>
  SWEEP.rates.map((rate) => ({ contestant, rate, epochs: SWEEP.epochs, seed: SWEEP.seed }));

/** The rate that did best on the held-out part; undefined while not all have been tried. */
export function chosenRate(out: string, contestant: Contestant): number | undefined {
  const records = sweepOf(contestant).map((run) => readRecord(out, run));
  if (records.some((record) => record === undefined)) return undefined;
  const last = ({ heldOut }: RunRecord) => heldOut.at(-1) as number;
  return (records as RunRecord[]).reduce((a, b) => (last(b) > last(a) ? b : a)).rate;
}

/** The trainings that count: a network with its rate, by each seed. */
export function finalRuns(out: string, contestant: Contestant): Run[] {
  const rate = chosenRate(out, contestant);
  if (rate === undefined) return [];
  return SEEDS.map((seed) => ({ contestant, rate, epochs: TRAINING.epochs, seed }));
}

/** Takes all trainings that are not done. */
export async function trainAll(out: string, training: Part, heldOut: Part): Promise<void> {
  fs.mkdirSync(out, { recursive: true });
  for (const contestant of CONTESTANTS) {
    for (const run of sweepOf(contestant)) await trainOne(out, run, training, heldOut, false);
  }
  // By seed first: whatever is there when it is stopped is there of all networks.
  for (const seed of SEEDS) {
    for (const contestant of CONTESTANTS) {
      const run = finalRuns(out, contestant).find((one) => one.seed === seed) as Run;
      await trainOne(out, run, training, heldOut, true);
    }
  }
}

async function trainOne(out: string, run: Run, training: Part, heldOut: Part, keeps: boolean) {
  if (readRecord(out, run)) return;
  const start = performance.now();
  const model = await train(run, training, place(out, run));
  const { contestant, rate, epochs, seed } = run;
  const record: RunRecord = {
    contestant: contestant.name,
    rate,
    epochs,
    seed,
    heldOut: await accuracies(model, heldOut),
    seconds: Math.round((performance.now() - start) / 1000),
  };
  model.dispose();
  writeRecordFile(recordOf(out, run), record);
  if (!keeps) await removeTraining(place(out, run));
}
