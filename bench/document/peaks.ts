/** The table of peaks with and without the package's own operations for TensorFlow. */
import { table } from '../../examples/shared/table';
import { megabytes } from '../suite/print';
import type { ResultFile } from '../suite/results';
import { describeWorkload, type NetworkWorkload } from '../suite/workload';
import { rowsOf } from './measured';

/** Peaks of one network on backend tensorflow, in bytes. */
export interface Peaks {
  readonly workload: NetworkWorkload;
  /** By TensorFlow's operations alone. */
  readonly plain: number;
  readonly own: number;
}

/** Of every network that results have both of. */
export function peaksOf(results: readonly ResultFile[]): Peaks[] {
  const rows = results.flatMap(rowsOf);
  return rows
    .filter(({ name }) => name === 'plain on tensorflow')
    .flatMap(({ workload, peakBytes: plain }) => {
      const own = rows.find(
        (row) => row.name === 'reversible on tensorflow' && row.workload === workload,
      )?.peakBytes;
      return plain != null && own != null ? [{ workload, plain, own }] : [];
    });
}

/** A row for each of them. */
export function peakTable(results: readonly ResultFile[]): string {
  const rows = peaksOf(results).map(({ workload, plain, own }) => [
    describeWorkload(workload),
    megabytes(plain),
    megabytes(own),
    (own / plain).toFixed(2),
  ]);
  return table(['peak, MB', 'plain', 'with own operations', 'over plain'], rows);
}
