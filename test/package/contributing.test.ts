/** CONTRIBUTING.md names the folders and commands that there are, and no others. */
import * as fs from 'node:fs';
import * as path from 'node:path';

import { scripts } from '../../package.json';

const ROOT = path.resolve(__dirname, '../..');
const TEXT = fs.readFileSync(path.join(ROOT, 'CONTRIBUTING.md'), 'utf8');

/** What is between backquotes. */
function codeOf(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map((match) => match[1] as string);
}

/** The rows of the tables of a section, as cells, without the heads. */
function tablesOf(title: string): string[][][] {
  const section = new RegExp(`^## ${title}\n(.*?)(?=^## )`, 'ms').exec(TEXT)?.[1] ?? '';
  return [...section.matchAll(/(?:^\|.*\|\n)+/gm)].map(([table]) =>
    table
      .trim()
      .split('\n')
      .slice(2)
      .map((row) => row.split('|').map((cell) => cell.trim())),
  );
}

function foldersIn(folder: string): string[] {
  return fs
    .readdirSync(path.join(ROOT, folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
}

/** Paths in the first cells. */
function namedFolders(rows: string[][]): string[] {
  return rows.flatMap(([, cell = '']) => codeOf(cell));
}

describe('CONTRIBUTING.md', () => {
  test('lists every room', () => {
    const [rooms = []] = tablesOf('Layout');
    const there = foldersIn('src').map((room) => `src/${room}`);
    expect(namedFolders(rooms).sort()).toEqual(there.sort());
  });

  test('lists every folder of a room that has folders', () => {
    const named = namedFolders(tablesOf('Layout')[1] ?? []).filter((name) => !name.includes('*'));
    const there = foldersIn('src').flatMap((room) =>
      foldersIn(path.join('src', room)).map((folder) => `src/${room}/${folder}`),
    );
    expect(named.sort()).toEqual(there.sort());
  });

  test('lists every command', () => {
    const own = Object.keys(scripts).filter((name) => !/^(pre|post)/.test(name));
    const cells = (tablesOf('Commands')[0] ?? []).flatMap((row) => codeOf(row.join(' ')));
    const named = cells.flatMap((code) => {
      const [, script] = /^npm (?:run )?([\w:-]+)$/.exec(code) ?? [];
      return script ? [script] : own.includes(code) ? [code] : [];
    });
    expect([...new Set(named)].sort()).toEqual(own.sort());
    for (const code of cells) {
      const [, file] = /^(?:node|bash) (\S+)$/.exec(code) ?? [];
      if (file)
        expect({ file, exists: fs.existsSync(path.join(ROOT, file)) }).toEqual({
          file,
          exists: true,
        });
    }
  });
});
