/** What was found, as the tables of the documents. */
import { writeBetweenMarks } from '../shared/page';
import { meanAndDeviation, table } from '../shared/table';
import { type ContestantResult, readResults, type StepResult } from './results';
import type { Try } from './search';

const PAGE = 'docs/experiments.md';

/** Writes the tables between their marks in the page. */
export function writeDocument(): void {
  const { contestants, bisect } = readResults();
  writeBetweenMarks(PAGE, 'language model', tablesOf(contestants));
  writeBetweenMarks(PAGE, 'language model, bisected', bisectTable(bisect));
}

/** Models between a transformer and a RevCol. */
export function bisectTable(steps: readonly StepResult[]): string {
  const mean = (runs: StepResult['runs'], part: 'train' | 'validation') =>
    meanAndDeviation(
      runs.map((run) => run[part].perToken),
      1,
    );
  const rows = steps.map(({ name, from = '', runs }) => [
    name,
    from,
    mean(runs, 'validation'),
    mean(runs, 'train'),
    runs.map(({ validation }) => validation.perToken.toFixed(1)).join(', '),
  ]);
  return table(['model', 'differs from', 'validation', 'training texts', 'by seed'], rows);
}

/** The tables, as Markdown. */
export function tablesOf(contestants: readonly ContestantResult[]): string {
  const isTuned = contestants.every(({ states }) => states.length > 0);
  return [triesTable(contestants), ...(isTuned ? [finalTable(contestants)] : [])].join('\n\n');
}

/** One try of each contestant in a row. */
function triesTable(contestants: readonly ContestantResult[]): string {
  const count = Math.max(...contestants.map(({ tries }) => tries.length));
  return table(
    contestants.flatMap(({ name }) => [`tried of ${name}`, 'perplexity']),
    Array.from({ length: count }, (_, i) =>
      contestants.flatMap(({ tries }) => {
        const one = tries[i];
        if (!one) return ['', ''];
        const perplexity = one.perplexity.toFixed(2);
        return [one.name, isKept(tries, i) ? `**${perplexity}**` : perplexity];
      }),
    ),
  );
}

/** Whether a try is better than all before it, so that it is kept, or was until a later one of its group. */
function isKept(tries: readonly Try[], index: number): boolean {
  const { perplexity } = tries[index] as Try;
  return tries.slice(0, index).every((before) => perplexity < before.perplexity);
}

function finalTable(contestants: readonly ContestantResult[]): string {
  const rows = contestants.flatMap(({ name, states }) =>
    states.map(({ state, epochs, parameters, runs }) => {
      const tests = runs.map(({ test }) => test);
      const mean = (values: number[], digits: number) => meanAndDeviation(values, digits);
      return [
        name,
        state,
        String(epochs),
        String(parameters),
        mean(
          runs.map(({ validation }) => validation.perToken),
          1,
        ),
        mean(
          tests.map(({ perToken }) => perToken),
          1,
        ),
        tests.map(({ perToken }) => perToken.toFixed(1)).join(', '),
        mean(
          tests.map(({ perByte }) => perByte),
          3,
        ),
      ];
    }),
  );
  return table(
    [
      'model',
      'settings',
      'epochs',
      'parameters',
      'validation',
      'test',
      'by seed',
      'test, per byte',
    ],
    rows,
  );
}
