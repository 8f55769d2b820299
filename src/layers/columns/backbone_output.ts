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
  if (areAscending(output, columns)) return;
  throw new Error(
    `${owner}: output is ${JSON.stringify(output)}; expected ascending column numbers from 0 to ` +
      `${columns - 1}, or one of 'last', 'pyramid', 'columns'`,
  );
}

/** Whether there are some, each a whole number from 0 to below the end and above the one before. */
function areAscending(indices: readonly number[], end: number): boolean {
  const fits = (index: number, i: number) =>
    Number.isInteger(index) && index > (indices[i - 1] ?? -1) && index < end;
  return indices.length > 0 && indices.every(fits);
}

/** Asserts ascending numbers of levels, and an output that has more than the top one. */
export function requireOutputLevels(
  owner: string,
  levels: unknown,
  output: BackboneOutput,
  count: number,
): void {
  if (levels === undefined) return;
  if (!Array.isArray(levels) || !areAscending(levels, count)) {
    throw new Error(
      `${owner}: levels is ${JSON.stringify(levels)}; expected ascending level numbers from 0 to ` +
        `${count - 1}`,
    );
  }
  if (output === 'pyramid') return;
  throw new Error(
    `${owner}: levels are chosen with output ${JSON.stringify(output)}, which gives top levels only; ` +
      `set output: 'pyramid', or leave levels out`,
  );
}

/** Where an output is taken from. */
export interface OutputPlace {
  column: number;
  level: number;
}

/**
 * Where the outputs of a backbone are taken from, in their order.
 *
 * @param count number of levels
 */
export function outputPlaces(
  { output, levels, columns }: { output: BackboneOutput; levels?: number[]; columns: number },
  count: number,
): OutputPlace[] {
  const range = (end: number) => Array.from({ length: end }, (_, i) => i);
  if (output === 'pyramid') {
    return (levels ?? range(count)).map((level) => ({ column: columns - 1, level }));
  }
  const chosen = output === 'last' ? [columns - 1] : output === 'columns' ? range(columns) : output;
  return chosen.map((column) => ({ column, level: count - 1 }));
}
