/** The section on growth: fitted exponents beside theory. */
import { table } from '../../examples/shared/table';
import type { ResultFile } from '../suite/results';
import { summarize } from '../suite/statistics';
import type { Panel } from './chart';
import { fitPower, type Point } from './fit';
import { along, type Axis, type Row, rowsOf } from './measured';
import { weightBytes } from './theory';

/** One series of networks that differ in one thing. */
export interface Series {
  /** Name of the result. */
  result: string;
  axis: Axis;
  /** What is varied, in words. */
  title: string;
  /** Exponents that theory gives to memory beyond weights and gradients, by mode, and to time. */
  theory: { reversible: string; stored: string; time: string };
}

export const SERIES: readonly Series[] = [
  {
    result: 'growth-columns',
    axis: 'columns',
    title: 'columns of an image network',
    theory: { reversible: '0 to 1', stored: '1', time: '1' },
  },
  {
    result: 'growth-batch',
    axis: 'batch',
    title: 'batch of images',
    theory: { reversible: '1', stored: '1', time: '1' },
  },
  {
    result: 'growth-side',
    axis: 'side',
    title: 'side of images',
    theory: { reversible: '2', stored: '2', time: '2' },
  },
  {
    result: 'growth-width',
    axis: 'width',
    title: 'channels of an image network',
    theory: { reversible: '1', stored: '1', time: '1 to 2' },
  },
  {
    result: 'growth-length',
    axis: 'length',
    title: 'length of sequences',
    theory: { reversible: '1 to 2', stored: '1', time: '1 to 2' },
  },
  {
    result: 'growth-token-columns',
    axis: 'columns',
    title: 'columns over tokens',
    theory: { reversible: '0 to 1', stored: '1', time: '1' },
  },
  {
    result: 'growth-token-width',
    axis: 'width',
    title: 'width over tokens',
    theory: { reversible: '1', stored: '1', time: '1 to 2' },
  },
];

const MODES = ['reversible', 'stored'] as const;
export type Mode = (typeof MODES)[number];

/** Rows of a mode, along the axis. */
export function ofMode(result: ResultFile, mode: Mode, axis: Axis): Row[] {
  return rowsOf(result)
    .filter(({ name }) => name.startsWith(mode))
    .sort((a, b) => along(axis, a.workload) - along(axis, b.workload));
}

/** Bytes beyond weights and gradients, against the axis. */
function activationPoints(rows: readonly Row[], axis: Axis): Point[] {
  return rows.flatMap(({ workload, peakBytes, parameters }) =>
    peakBytes === null || parameters === null
      ? []
      : [[along(axis, workload), peakBytes - weightBytes(parameters)] as const],
  );
}

/** Median times, against the axis; none where nothing was timed. */
function timePoints(rows: readonly Row[], axis: Axis): Point[] {
  return rows.flatMap(({ workload, times }) =>
    times.length === 0 ? [] : [[along(axis, workload), summarize(times).median] as const],
  );
}

const fitted = (points: readonly Point[]) => {
  if (points.length < 3) return ['–', '–'];
  const { slope, rSquared } = fitPower(points);
  return [slope.toFixed(2), rSquared.toFixed(3)];
};

const range = (values: readonly number[]) => values.join(', ');

/** A row for each series and mode: exponents of memory and of time. */
export function growthTable(results: readonly (readonly [Series, ResultFile])[]): string {
  const rows = results.flatMap(([{ axis, title, theory }, result]) =>
    MODES.map((mode) => {
      const found = ofMode(result, mode, axis);
      return [
        title,
        range(found.map(({ workload }) => along(axis, workload))),
        mode,
        ...fitted(activationPoints(found, axis)),
        theory[mode],
        ...fitted(timePoints(found, axis)),
        theory.time,
      ];
    }),
  );
  return table(
    ['varied', 'values', 'mode', 'memory', 'R²', 'theory', 'time', 'R²', 'theory'],
    rows,
  );
}

/** Peak memory against two axes, as panels of a chart. */
export function growthPanels(results: readonly (readonly [Series, ResultFile])[]): Panel[] {
  return results.map(([{ axis, title }, result]) => ({
    title: 'Peak memory, MB',
    axis: title,
    lines: MODES.map((mode) => ({
      name: mode,
      points: ofMode(result, mode, axis).flatMap(({ workload, peakBytes }) =>
        peakBytes === null ? [] : [[along(axis, workload), peakBytes / 1e6] as const],
      ),
    })),
  }));
}
