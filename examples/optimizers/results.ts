/** All that was found, as the committed file has it: accuracies of the runs, and what a step takes. */
import * as fs from 'node:fs';
import * as tf from '@tensorflow/tfjs';

import { memoryPeak } from 'tfjs-revcol/training';
import { DATA_SETS, type DataSetName } from '../fashion/data';
import { chosenRate, finalRuns, readRecord, type RunRecord, SETS, sweepOf } from './runs';
import {
  type Contestant,
  CONTESTANTS,
  PICTURES,
  RANK,
  SEEDS,
  STEPS,
  SWEEP,
  TRAINING,
} from './settings';
import { optimizerOf, startingModel, takeStep } from './train';

/** Where it is. */
export const RESULTS = 'examples/optimizers/results.json';

/** What came of a contestant on one of the sets. */
interface SetResult {
  set: DataSetName;
  runs: { seed: number; heldOut: number; test: number }[];
}

/** What a step of a contestant takes. */
interface Cost {
  trainedParameters: number;
  /** Of the optimizer between two steps. */
  stateBytes: number;
  /** Most bytes in tensors during a step. */
  peakBytes: number;
  /** Processor time of this process for a step, the median of steps taken in turn with the other contestants. */
  stepMilliseconds: number;
}

/** A contestant and what became of it. */
export interface ContestantResult extends Contestant, Cost {
  /** What each rate came to on the held-out part. */
  sweep: { rate: number; heldOut: number }[];
  rate: number;
  sets: SetResult[];
}

/** Steps by which time is measured, after some that warm up. */
const [WARM_UP, MEASURED] = [3, 15];

/** Gathers what is in a folder of runs, measures what steps take, and writes the file. */
export async function writeResults(out: string, data: string): Promise<void> {
  const sets = SETS.map((set) => ({ set, seeds: completeSeeds(out, set) })).filter(
    ({ seeds }) => seeds.length > 0,
  );
  if (sets.length === 0) throw new Error('no seed of any set is complete; run: train');
  const results = CONTESTANTS.map((contestant) => ({
    ...contestant,
    ...sweepResult(out, contestant),
    sets: sets.map(({ set, seeds }) => setResult(out, contestant, set, seeds)),
  }));
  const costs = await measure(data);
  const about = {
    backend: tf.getBackend(),
    tfjs: tf.version_core,
    network: 'revcol_femto',
    rank: RANK,
    pictures: PICTURES,
    training: TRAINING,
    steps: STEPS,
    sweep: SWEEP,
  };
  const contestants = results.map((result, i) => ({ ...result, ...costs[i] }));
  fs.writeFileSync(RESULTS, `${JSON.stringify({ about, contestants }, null, 1)}\n`);
}

/** The committed file. */
export function readResults(): { contestants: ContestantResult[] } {
  return JSON.parse(fs.readFileSync(RESULTS, 'utf8')) as { contestants: ContestantResult[] };
}

function sweepResult(
  out: string,
  contestant: Contestant,
): Pick<ContestantResult, 'sweep' | 'rate'> {
  const rate = chosenRate(out, contestant);
  if (rate === undefined)
    throw new Error(`not all rates of ${contestant.name} have been tried; run: train`);
  const sweep = sweepOf(contestant).map((run) => ({
    rate: run.rate,
    heldOut: (readRecord(out, run) as RunRecord).heldOut,
  }));
  return { sweep, rate };
}

/** Seeds that all contestants have been trained by. */
function completeSeeds(out: string, set: DataSetName): number[] {
  return SEEDS.filter((seed) =>
    CONTESTANTS.every((contestant) =>
      finalRuns(out, contestant, set).some((run) => run.seed === seed && readRecord(out, run)),
    ),
  );
}

function setResult(
  out: string,
  contestant: Contestant,
  set: DataSetName,
  seeds: readonly number[],
): SetResult {
  const runs = finalRuns(out, contestant, set).filter(({ seed }) => seeds.includes(seed));
  return {
    set,
    runs: runs.map((run) => {
      const { seed, heldOut, test } = readRecord(out, run) as RunRecord;
      return { seed, heldOut, test: test as number };
    }),
  };
}

async function measure(data: string): Promise<Cost[]> {
  const set = 'fashion';
  const { train } = DATA_SETS[set].load(data);
  const run = { set, seed: SWEEP.seed } as const;
  const contestants = [];
  for (const contestant of CONTESTANTS) {
    // The others stay, for the steps in turn.
    const others = tf.memory().numBytes;
    const model = await startingModel(contestant, set, SWEEP.seed);
    const optimizer = optimizerOf(contestant);
    const step = (number: number) => takeStep(model, optimizer, run, train, number);
    const before = tf.memory().numBytes;
    await step(0);
    const stateBytes = tf.memory().numBytes - before;
    const { peakBytes } = await memoryPeak(() => step(1));
    const trainedParameters = model.trainableWeights.reduce(
      (sum, { shape }) => sum + tf.util.sizeFromShape(shape as number[]),
      0,
    );
    contestants.push({
      step,
      times: [] as number[],
      trainedParameters,
      stateBytes,
      peakBytes: peakBytes - others,
    });
  }
  for (let round = 0; round < WARM_UP + MEASURED; round++) {
    for (const { step, times } of contestants) {
      const before = process.cpuUsage();
      await step(round);
      const { user, system } = process.cpuUsage(before);
      if (round >= WARM_UP) times.push((user + system) / 1000);
    }
  }
  return contestants.map(({ times, trainedParameters, stateBytes, peakBytes }) => ({
    trainedParameters,
    stateBytes,
    peakBytes,
    stepMilliseconds: Number((times.sort((a, b) => a - b)[MEASURED >> 1] as number).toFixed(1)),
  }));
}
