/** The sections on time. */
import { table } from '../../examples/shared/table';
import { excuse, megabytes, milliseconds, referenceSamples } from '../suite/print';
import type { Contest, ResultFile, Start } from '../suite/results';
import { ratioByRound, summarize } from '../suite/statistics';
import { describeWorkload, isOperations } from '../suite/workload';
import { absent, type Measured } from './measured';

const dash = '–';

/** Contestants of a contest in a row each; those who are not here are named below. */
export function contestSection(contest: Contest): string {
  const measured = contest.outcomes.filter((outcome) => outcome.state === 'measured');
  const rows = measured.flatMap((outcome) => contestRows(contest, outcome));
  const headings = [
    'contestant',
    'threads',
    'median, ms',
    'least',
    'middle half',
    `over ${contest.reference}`,
    'peak, MB',
    'resident, MB',
  ];
  const notes = absent(contest).map((outcome) => `Not here: ${outcome.name}, ${excuse(outcome)}.`);
  const title = describeWorkload(contest.workload);
  return [`${title[0]?.toUpperCase()}${title.slice(1)}:`, table(headings, rows), ...notes].join(
    '\n\n',
  );
}

function contestRows(contest: Contest, outcome: Measured): string[][] {
  return Object.entries(outcome.programs).map(([program, { samples, peakBytes }]) => {
    const { median, min, quartiles } = summarize(samples.map(({ ms }) => ms));
    const ratio = ratioByRound(samples, referenceSamples(contest, program));
    return [
      outcome.name,
      String(outcome.threads),
      milliseconds(median),
      milliseconds(min),
      quartiles.map(milliseconds).join(' to '),
      ratio
        ? `${ratio.median.toFixed(2)} (${ratio.quartiles.map((q) => q.toFixed(2)).join(' to ')})`
        : dash,
      megabytes(peakBytes),
      megabytes(outcome.residentBytes),
    ];
  });
}

/** Single operations: a row for each, a column for each contestant. */
export function operationsSection(contest: Contest): string {
  if (!isOperations(contest.workload)) throw new Error('expected a contest of operations');
  const measured = contest.outcomes.filter((outcome) => outcome.state === 'measured');
  const programs = Object.keys(measured[0]?.programs ?? {});
  const headings = ['ms', ...measured.map(({ name }) => name.replace('reversible on', 'ours on'))];
  const rows = programs.map((program) => [
    program,
    ...measured.map(({ programs: of }) => {
      const samples = of[program]?.samples ?? [];
      return samples.length === 0
        ? dash
        : milliseconds(summarize(samples.map(({ ms }) => ms)).median);
    }),
  ]);
  return `${describeWorkload(contest.workload)}, medians:\n\n${table(headings, rows)}`.replace(
    /^./,
    (letter) => letter.toUpperCase(),
  );
}

/** Starts: a row for each contestant, ms until each step was done. */
export function startSection(starts: NonNullable<ResultFile['starts']>): string {
  const measured = starts.filter((start): start is Start => 'rounds' in start);
  const steps = [...new Set(measured.flatMap(({ rounds }) => Object.keys(rounds[0]?.steps ?? {})))];
  const rows = measured.map(({ name, rounds, residentBytes }) => [
    name,
    ...steps.map((step) => {
      const times = rounds.flatMap((round) => round.steps[step] ?? []);
      return times.length === 0 ? dash : milliseconds(summarize(times).median);
    }),
    megabytes(residentBytes),
  ]);
  const notes = starts.flatMap((start) =>
    'rounds' in start ? [] : [`Not here: ${start.name}, ${excuse(start)}.`],
  );
  return [table(['ms until', ...steps, 'resident, MB'], rows), ...notes].join('\n\n');
}
