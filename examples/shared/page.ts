/** What examples write into the documents. */
import * as fs from 'node:fs';

/**
 * Writes a text between the marks `<!-- NAME: generated -->` and `<!-- NAME: end -->` of a page.
 *
 * @throws {Error} when the page lacks the marks
 */
export function writeBetweenMarks(page: string, name: string, text: string): void {
  const marks = [`<!-- ${name}: generated -->`, `<!-- ${name}: end -->`] as const;
  const old = fs.readFileSync(page, 'utf8');
  const [start, end] = marks.map((mark) => old.indexOf(mark)) as [number, number];
  if (start < 0 || end < start) throw new Error(`${page} lacks the marks ${marks.join(' and ')}`);
  const before = old.slice(0, start + marks[0].length);
  fs.writeFileSync(page, `${before}\n\n${text}\n\n${old.slice(end)}`);
}
