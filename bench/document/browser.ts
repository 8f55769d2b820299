/** The sections on backends in pages. */
import { table } from '../../examples/shared/table';
import { excuse, megabytes, milliseconds, referenceSamples } from '../suite/print';
import type { Contest, ResultFile } from '../suite/results';
import { ratioByRound, summarize } from '../suite/statistics';
import { describeWorkload } from '../suite/workload';
import { absent, type Measured } from './measured';

const dash = '–';

const seconds = (ms: number | undefined) => (ms === undefined ? dash : (ms / 1000).toFixed(1));
const count = (value: number | undefined) => (value === undefined ? dash : String(value));

/** Contestants of a contest in pages, in a row each: what a step takes besides its time. */
export function pageSection(contest: Contest): string {
  const measured = contest.outcomes.filter((outcome) => outcome.state === 'measured');
  const headings = [
    'contestant',
    'first step, s',
    'median, ms',
    'middle half',
    `over ${contest.reference}`,
    'kernels',
    'programs',
    'compiled',
    'peak, MB',
    'on the device, MB',
    'deviation',
  ];
  const rows = measured.flatMap((outcome) => rowsOf(contest, outcome));
  const notes = absent(contest).map((outcome) => `Not here: ${outcome.name}, ${excuse(outcome)}.`);
  const title = describeWorkload(contest.workload).replace(/^./, (letter) => letter.toUpperCase());
  return [`${title}:`, table(headings, rows), ...notes].join('\n\n');
}

function rowsOf(contest: Contest, outcome: Measured): string[][] {
  return Object.entries(outcome.programs).map(([name, program]) => {
    const { samples, peakBytes, counts, firstMs } = program;
    const times = samples.length > 0 ? summarize(samples.map(({ ms }) => ms)) : null;
    const ratio = ratioByRound(samples, referenceSamples(contest, name));
    return [
      outcome.name,
      seconds(firstMs),
      times ? milliseconds(times.median) : dash,
      times ? times.quartiles.map(milliseconds).join(' to ') : dash,
      ratio ? ratio.median.toFixed(2) : dash,
      count(counts?.kernels),
      count(counts?.device?.programs),
      count(counts?.device?.compiled),
      megabytes(peakBytes),
      megabytes(counts?.device?.peakBytes ?? null),
      outcome.deviation === null ? dash : outcome.deviation.toExponential(0),
    ];
  });
}

/** Contests on a graphics card, and what tfjs's own products of matrices come to there. */
export function gpuSection({ contests, splitProducts = [] }: ResultFile): string {
  const wrong = splitProducts.filter(({ state }) => state !== 'right');
  const products =
    splitProducts.length === 0
      ? []
      : [
          `Of ${splitProducts.length} products of matrices with a transposed second operand and many terms, tfjs's own ` +
            `kernels have ${wrong.length} wrong on this card.`,
        ];
  return [...contests.map(pageSection), ...products].join('\n\n');
}

/** Memory of the graphics device by columns: what is in use at most, and what is held afterwards. */
export function deviceMemoryTable({ contests }: ResultFile): string {
  const rows = contests.flatMap(({ workload, outcomes }) => {
    if (!('network' in workload)) return [];
    const figures = (['reversible', 'stored'] as const).map((mode) => {
      const outcome = outcomes.find(({ name }) => name.startsWith(mode));
      return outcome?.state === 'measured' ? outcome.programs.step?.counts?.device : undefined;
    });
    return [
      [
        String(workload.network.columns),
        ...(['peakBytes', 'heldBytes'] as const).flatMap((field) =>
          figures.map((device) => megabytes(device?.[field] ?? null)),
        ),
      ],
    ];
  });
  return table(
    ['columns', 'reversible, MB', 'stored, MB', 'held, reversible, MB', 'held, stored, MB'],
    rows,
  );
}
