/** Results as text. */

/** A Markdown table with columns of equal width. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = headings.map((h, c) =>
    Math.max(3, h.length, ...rows.map((row) => (row[c] ?? '').length)),
  );
  const line = (cells: readonly string[]) =>
    `| ${widths.map((w, c) => (cells[c] ?? '').padEnd(w)).join(' | ')} |`;
  return [line(headings), line(widths.map((w) => '-'.repeat(w))), ...rows.map(line)].join('\n');
}

/** Mean of some numbers, with their sample deviation where there are several. */
export function meanAndDeviation(values: readonly number[], digits: number): string {
  const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
  if (values.length < 2) return mean.toFixed(digits);
  const squares = values.reduce((sum, v) => sum + (v - mean) ** 2, 0);
  return `${mean.toFixed(digits)} ± ${Math.sqrt(squares / (values.length - 1)).toFixed(digits)}`;
}
