/** The section on growth: fitted exponents beside theory. */
import { table } from '../../examples/shared/table';
import type { ResultFile } from '../suite/results';
import { summarize } from '../suite/statistics';
import type { Panel } from './chart';
import { fitLine, fitPower, type Point } from './fit';
import { along, type Axis, type Row, rowsOf } from './measured';
import { weightBytes } from './theory';

/** One series of networks that differ in one thing. */
export interface Series {
  /** Name of the result. */
  result: string;
  axis: Axis;
  /** What is varied, in words. */
  title: string;
  /** Power of the axis to which theory says activations and arithmetic are proportional. */
  power: 1 | 2;
}

export const SERIES: readonly Series[] = [
  { result: 'growth-columns', axis: 'columns', title: 'columns, images', power: 1 },
  { result: 'growth-batch', axis: 'batch', title: 'batch, images', power: 1 },
  { result: 'growth-side', axis: 'side', title: 'side, images', power: 2 },
  { result: 'growth-width', axis: 'width', title: 'channels, images', power: 1 },
  { result: 'growth-token-columns', axis: 'columns', title: 'columns, tokens', power: 1 },
  { result: 'growth-length', axis: 'length', title: 'length, tokens', power: 1 },
  { result: 'growth-token-width', axis: 'width', title: 'width, tokens', power: 1 },
];

const MODES = ['reversible', 'stored'] as const;
export type Mode = (typeof MODES)[number];

/** Rows of a mode, along the axis. */
export function ofMode(result: ResultFile, mode: Mode, axis: Axis): Row[] {
  return rowsOf(result)
    .filter(({ name }) => name.startsWith(mode))
    .sort((a, b) => along(axis, a.workload) - along(axis, b.workload));
}

/**
 * Megabytes beyond weights, their gradients and, in stored mode, the clones of weights that tfjs's tape
 * keeps: they share memory with the weights, but count in full.
 */
function activationPoints(rows: readonly Row[], axis: Axis, mode: Mode): Point[] {
  return rows.flatMap(({ workload, peakBytes, parameters }) => {
    if (peakBytes === null || parameters === null) return [];
    const copies = mode === 'stored' ? 1.5 : 1;
    return [[along(axis, workload), (peakBytes - copies * weightBytes(parameters)) / 1e6] as const];
  });
}

/** Median times in ms, against the axis; none where nothing was timed. */
function timePoints(rows: readonly Row[], axis: Axis): Point[] {
  return rows.flatMap(({ workload, times }) =>
    times.length === 0 ? [] : [[along(axis, workload), summarize(times).median] as const],
  );
}

/** The exponent, and the line in the power that theory gives: its constant, its slope, how well it fits. */
function fitted(points: readonly Point[], power: number): string[] {
  if (points.length < 3) return ['–', '–', '–', '–'];
  const exponent = fitPower(points).slope.toFixed(2);
  const { intercept, slope, rSquared } = fitLine(points.map(([x, y]) => [x ** power, y]));
  const explained = Number.isNaN(rSquared) ? '–' : rSquared.toFixed(4);
  return [exponent, intercept.toPrecision(3), slope.toPrecision(3), explained];
}

const POWERS = { 1: 'linear', 2: 'quadratic' } as const;

/** What theory says; of reversible mode over columns, that nothing but weights and gradients grows. */
function theoryOf(power: 1 | 2, axis: Axis, mode: Mode, unit: 'MB' | 'ms'): string {
  return axis === 'columns' && mode === 'reversible' && unit === 'MB' ? 'constant' : POWERS[power];
}

/** A row for each series and mode: how `points` grow, beside theory. */
function fitTable(
  results: readonly (readonly [Series, ResultFile])[],
  unit: 'MB' | 'ms',
  points: (rows: readonly Row[], axis: Axis, mode: Mode) => Point[],
): string {
  const rows = results.flatMap(([{ axis, title, power }, result]) =>
    MODES.map((mode) => {
      const found = ofMode(result, mode, axis);
      const values = found.map(({ workload }) => along(axis, workload)).join(', ');
      const theory = theoryOf(power, axis, mode, unit);
      return [title, values, mode, theory, ...fitted(points(found, axis, mode), power)];
    }),
  );
  const headings = ['varied', 'values', 'mode', 'theory', 'exponent'];
  return table([...headings, `constant, ${unit}`, `slope, ${unit}`, 'R²'], rows);
}

type Results = readonly (readonly [Series, ResultFile])[];

/** How memory beyond weights grows. */
export const memoryFits = (results: Results) => fitTable(results, 'MB', activationPoints);

/** How the time of a step grows. */
export const timeFits = (results: Results) => fitTable(results, 'ms', timePoints);

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
