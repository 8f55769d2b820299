/** Results on the terminal. */
import { table } from '../../examples/shared/table';
import type { Contest, Outcome, Start } from './results';
import { othersShare, ratioByRound, type Sample, summarize } from './statistics';
import { describeWorkload } from './workload';

const dash = '–';

/** Bytes in MB of 1 000 000. */
export const megabytes = (bytes: number | null) =>
  bytes === null ? dash : (bytes / 1e6).toFixed(bytes < 1e8 ? 1 : 0);

/** Milliseconds with three digits. */
export function milliseconds(ms: number): string {
  return ms.toFixed(ms < 1 ? 3 : ms < 10 ? 2 : ms < 100 ? 1 : 0);
}

const percent = (share: number | null) => (share === null ? dash : `${(100 * share).toFixed(0)} %`);

/** Why there are no figures. */
export function excuse(outcome: Exclude<Outcome, { state: 'measured' }>): string {
  return outcome.state === 'missing'
    ? `${outcome.what} missing: ${outcome.install}`
    : `failed: ${outcome.reason.replace(/\.$/, '')}`;
}

/** Samples of the reference's program, where it is among the outcomes. */
export function referenceSamples(contest: Contest, program: string): readonly Sample[] {
  const reference = contest.outcomes.find(({ name }) => name === contest.reference);
  return reference?.state === 'measured' ? (reference.programs[program]?.samples ?? []) : [];
}

function rowsOf(contest: Contest, outcome: Outcome): string[][] {
  if (outcome.state !== 'measured') return [[outcome.name, '', excuse(outcome)]];
  return Object.entries(outcome.programs).map(([program, { peakBytes, samples }]) => {
    const memory = [
      megabytes(peakBytes),
      megabytes(outcome.residentBytes),
      outcome.deviation === null ? dash : outcome.deviation.toExponential(0),
    ];
    if (samples.length === 0)
      return [outcome.name, program, dash, dash, dash, dash, dash, ...memory];
    const { median, min, quartiles } = summarize(samples.map(({ ms }) => ms));
    const ratio = contest.turns ? ratioByRound(samples, referenceSamples(contest, program)) : null;
    return [
      outcome.name,
      program,
      milliseconds(median),
      milliseconds(min),
      quartiles.map(milliseconds).join(' to '),
      ratio ? ratio.median.toFixed(2) : dash,
      percent(othersShare(samples)),
      ...memory,
    ];
  });
}

/** A contest as a table. */
export function contestTable(contest: Contest): string {
  const headings = [
    'contestant',
    'program',
    'median ms',
    'min',
    'quartiles',
    `over ${contest.reference}`,
    'others',
    'peak MB',
    'resident MB',
    'deviation',
  ];
  const rows = contest.outcomes.flatMap((outcome) => rowsOf(contest, outcome));
  return `${describeWorkload(contest.workload)}\n\n${table(headings, rows)}`;
}

/** Starts as a table: medians of the time until each step was done. */
export function startTable(
  starts: readonly (Start | Exclude<Outcome, { state: 'measured' }>)[],
): string {
  const rows = starts.map((start) => {
    if (!('rounds' in start)) return [start.name, excuse(start)];
    const steps = Object.keys(start.rounds[0]?.steps ?? {});
    const cells = steps.map((step) => {
      const { median } = summarize(start.rounds.map((round) => round.steps[step] as number));
      return `${step} ${milliseconds(median)}`;
    });
    return [start.name, cells.join(', '), megabytes(start.residentBytes)];
  });
  return table(['contestant', 'ms since the process was asked for', 'resident MB'], rows);
}
