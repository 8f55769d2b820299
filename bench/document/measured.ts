/** Results by what documents ask of them. */
import { keptResult } from '../suite/plan';
import type { Contest, Outcome, ResultFile } from '../suite/results';
import { isOperations, type NetworkWorkload } from '../suite/workload';

export type Measured = Extract<Outcome, { state: 'measured' }>;

/** Gives the kept result of an entry of the plan. */
export type Results = (name: string) => ResultFile | null;

export const kept: Results = keptResult;

/** One contestant's training step or forward pass on one network. */
export interface Row {
  name: string;
  workload: NetworkWorkload;
  parameters: number | null;
  residentBytes: number | null;
  peakBytes: number | null;
  /** Of every sample, in ms. */
  times: number[];
}

/** Rows of all contests of a result, failed contestants left out. */
export function rowsOf(result: ResultFile): Row[] {
  return result.contests.flatMap(({ workload, outcomes }) => {
    if (isOperations(workload)) return [];
    return outcomes.flatMap((outcome) => {
      if (outcome.state !== 'measured') return [];
      const program = outcome.programs[workload.pass];
      return [
        {
          name: outcome.name,
          workload,
          parameters: outcome.parameters,
          residentBytes: outcome.residentBytes,
          peakBytes: program?.peakBytes ?? null,
          times: program?.samples.map(({ ms }) => ms) ?? [],
        },
      ];
    });
  });
}

/** Those who were to take part and have no figures. */
export function absent(contest: Contest): Exclude<Outcome, { state: 'measured' }>[] {
  return contest.outcomes.flatMap((outcome) => (outcome.state === 'measured' ? [] : [outcome]));
}

/** What was varied in a result, by the name of the axis. */
export type Axis = 'columns' | 'batch' | 'side' | 'width' | 'length';

/** The value of an axis. */
export function along(axis: Axis, { network, batch, extent }: NetworkWorkload): number {
  if (axis === 'batch') return batch;
  if (axis === 'side' || axis === 'length') return extent;
  if (axis === 'columns') return network.columns;
  return network.kind === 'tokens' ? network.width : (network.channels[0] as number);
}
