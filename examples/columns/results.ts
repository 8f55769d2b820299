/** All that was found, as the committed file has it. */
import * as fs from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { sampleStandardDeviation } from 'simple-statistics';

import { type Measured, readMeasured, readUntrained, type Table } from './measure';
import { chosenRate, finalRuns, readRecord, type RunRecord, sweepOf } from './runs';
import { CONTESTANTS, costs, NETWORK, SPLIT, stepsOf, SWEEP, TRAINING } from './settings';

/** Where it is. */
export const RESULTS = 'examples/columns/results.json';

/** A training that counts. */
interface RunResult {
  seed: number;
  /** Shares that are right, by classifier, first to last. */
  heldOut: number[];
  test: number[];
  seconds: number;
}

/** A network and what became of it. */
export interface NetworkResult {
  name: string;
  columns: number;
  depth: number;
  channels: readonly number[];
  parameters: number;
  multiplyAdds: number;
  /** What each rate came to on the held-out part. */
  sweep: { rate: number; heldOut: number }[];
  rate: number;
  runs: RunResult[];
  /** Means over the runs, and their sample deviations. */
  cka: Table;
  deviation: Pick<Table, 'image' | 'label'>;
  /** Before any training. */
  untrained: Table;
}

/** The file. */
export interface Results {
  networks: NetworkResult[];
}

/** Gathers what is in a folder of runs, and writes the file. */
export function writeResults(out: string): Results {
  const networks = CONTESTANTS.map((contestant): NetworkResult => {
    const rate = chosenRate(out, contestant);
    const untrained = readUntrained(out, contestant);
    const measured: Measured[] = [];
    const runs = finalRuns(out, contestant).flatMap((run): RunResult[] => {
      const [record, found] = [readRecord(out, run), readMeasured(out, run)];
      if (!record || !found) return [];
      measured.push(found);
      const { seed, heldOut, seconds } = record;
      return [{ seed, heldOut, test: found.test, seconds }];
    });
    if (rate === undefined || untrained === undefined || runs.length === 0) {
      throw new Error(
        `${contestant.name} has not been trained and measured; run train and measure`,
      );
    }
    return {
      ...contestant,
      ...costs(contestant),
      sweep: sweepOf(contestant).map((run) => ({
        rate: run.rate,
        heldOut: (readRecord(out, run) as RunRecord).heldOut.at(-1) as number,
      })),
      rate,
      runs,
      cka: tableOf(measured, mean),
      deviation: tableOf(measured, (values) =>
        values.length < 2 ? 0 : sampleStandardDeviation(values),
      ),
      untrained: tableOf([untrained], mean),
    };
  });
  const about = {
    backend: tf.getBackend(),
    tfjs: tf.version_core,
    pictures: 'Fashion-MNIST',
    network: NETWORK,
    split: SPLIT,
    training: { ...TRAINING, steps: stepsOf(TRAINING.epochs) },
    sweep: { ...SWEEP, steps: stepsOf(SWEEP.epochs) },
  };
  const results = { about, networks };
  fs.writeFileSync(RESULTS, `${JSON.stringify(results, null, 1)}\n`);
  return results;
}

/** The committed file. */
export function readResults(): Results {
  return JSON.parse(fs.readFileSync(RESULTS, 'utf8')) as Results;
}

export function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}

/** What is said of the same place in several tables. */
function tableOf(tables: readonly Table[], of: (values: number[]) => number): Table {
  const rounded = (values: number[]) => Number(of(values).toFixed(4));
  const first = tables[0] as Table;
  const each = (part: 'image' | 'label') =>
    first[part].map((levels, c) =>
      levels.map((_, l) => rounded(tables.map((table) => table[part][c]?.[l] as number))),
    );
  return {
    image: each('image'),
    label: each('label'),
    imageAndLabel: rounded(tables.map(({ imageAndLabel }) => imageAndLabel)),
  };
}
