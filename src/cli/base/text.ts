/** Text for people: tables, counts, sizes. */
import { oneLine } from '../../common/harmless';

export { bytesText } from '../../common/bytes';

/** Columns aligned with two spaces between; numbers (given as numbers) to the right. A cell stays in its line. */
export function table(header: string[], rows: (string | number | undefined)[][]): string {
  const cells = [header, ...rows.map((row) => row.map((cell) => oneLine(String(cell ?? '-'))))];
  const widths = header.map((_, column) =>
    Math.max(...cells.map((row) => (row[column] ?? '').length)),
  );
  const right = header.map((_, column) => rows.some((row) => typeof row[column] === 'number'));
  return cells
    .map((row) =>
      widths
        .map((width, column) => {
          const cell = row[column] ?? '';
          return right[column] ? cell.padStart(width) : cell.padEnd(width);
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** What was left out, as a block of text with a table; none where nothing was. */
export function leftOutBlock(skipped: readonly { name: string; message: string }[]): string[] {
  if (skipped.length === 0) return [];
  const rows = skipped.map(({ name, message }) => [name, message]);
  return [table(['left out', 'why'], rows)];
}

/** Lines of text, of which each stays one whatever names are in it. */
export function linesOf(...texts: readonly string[]): string {
  return texts.map((text) => `${oneLine(text)}\n`).join('');
}

/** `30.5 M`: millions with one decimal. */
export function millionsText(count: number | undefined): string | undefined {
  return count === undefined ? undefined : `${(count / 1e6).toFixed(1)} M`;
}

/** The first of many names. */
export function few(names: readonly string[]): string {
  return names.slice(0, 3).join(', ') + (names.length > 3 ? ', ...' : '');
}

/** `42%`. */
export function percent(fraction: number): string {
  return `${Math.round(100 * fraction)}%`;
}
