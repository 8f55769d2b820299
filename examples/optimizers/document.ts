/** What was found, as the table of the documents. */
import * as fs from 'node:fs';

import { meanAndDeviation, table } from '../shared/table';
import { type ContestantResult, readResults } from './results';

const PAGE = 'docs/experiments.md';
const MARKS = ['<!-- optimizers: generated -->', '<!-- optimizers: end -->'] as const;

/** Writes the table between its marks in the page. */
export function writeDocument(): void {
  const { contestants } = readResults();
  const page = fs.readFileSync(PAGE, 'utf8');
  const [start, end] = MARKS.map((mark) => page.indexOf(mark)) as [number, number];
  if (start < 0 || end < start) throw new Error(`${PAGE} lacks the marks ${MARKS.join(' and ')}`);
  const before = page.slice(0, start + MARKS[0].length);
  fs.writeFileSync(PAGE, `${before}\n\n${tableOf(contestants)}\n\n${page.slice(end)}`);
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
