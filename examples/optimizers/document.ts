/** What was found, as the table of the documents. */
import { writeBetweenMarks } from '../shared/page';
import { meanAndDeviation, table } from '../shared/table';
import { type ContestantResult, readResults } from './results';

/** Writes the table between its marks in the page. */
export function writeDocument(): void {
  writeBetweenMarks('docs/experiments.md', 'optimizers', tableOf(readResults().contestants));
}

const STARTS = { random: 'random', 'other set': 'other set', adapters: 'other set' } as const;

/** The table, as Markdown. */
export function tableOf(contestants: readonly ContestantResult[]): string {
  const sets = contestants[0]?.sets.map(({ set }) => set) ?? [];
  const first = contestants[0] as ContestantResult;
  return table(
    [
      'trained by',
      'from',
      'trained weights',
      'rate',
      ...sets.flatMap((set) => [`${set}, %`, 'by seed']),
      "optimizer's memory, kB",
      'peak of a step, MB',
      "time, of AdamW's",
    ],
    contestants.map((one) => [
      one.name,
      STARTS[one.start],
      String(one.trainedParameters),
      String(one.rate),
      ...one.sets.flatMap(({ runs }) => [
        meanAndDeviation(
          runs.map(({ test }) => test),
          2,
        ),
        runs.map(({ test }) => test.toFixed(2)).join(', '),
      ]),
      (one.stateBytes / 1e3).toFixed(0),
      (one.peakBytes / 1e6).toFixed(1),
      (one.stepMilliseconds / first.stepMilliseconds).toFixed(2),
    ]),
  );
}
