/** What a backbone returns, and which columns that is read from. */
import { requireOneOf } from '../../common/arguments';

/** What a backbone returns. */
export type BackboneOutput = 'last' | 'pyramid' | 'columns' | number[];

/** Asserts a known mode, or ascending numbers of columns. */
export function requireOutput(owner: string, output: BackboneOutput, columns: number): void {
  if (!Array.isArray(output)) {
    requireOneOf(owner, 'output', output, ['last', 'pyramid', 'columns']);
    return;
  }
  const ascending = output.every(
    (c, i) => Number.isInteger(c) && c > (output[i - 1] ?? -1) && c < columns,
  );
  if (output.length > 0 && ascending) return;
  throw new Error(
    `${owner}: output is ${JSON.stringify(output)}; expected ascending column numbers from 0 to ` +
      `${columns - 1}, or one of 'last', 'pyramid', 'columns'`,
  );
}

/** Columns whose top level leaves the backbone. */
export function outputColumns(output: BackboneOutput, columns: number): number[] {
  if (Array.isArray(output)) return output;
  const last = columns - 1;
  return output === 'columns' ? Array.from({ length: columns }, (_, i) => i) : [last];
}
