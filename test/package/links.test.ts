/** Links in the documents lead somewhere: in the repository, in the tarball, on npm's page. */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';

const ROOT = path.resolve(__dirname, '../..');
/** Serves the files of what is published; npm's page resolves no relative links without a repository. */
const PUBLISHED = 'https://unpkg.com/tfjs-revcol/';

const DOCUMENTS = [
  ...fs.readdirSync(ROOT).filter((file) => file.endsWith('.md')),
  ...fs.readdirSync(path.join(ROOT, 'docs')).filter((file) => file.endsWith('.md')),
].map((file) => (fs.existsSync(path.join(ROOT, file)) ? file : `docs/${file}`));

const read = (file: string) => fs.readFileSync(path.join(ROOT, file), 'utf8');

/** Link targets of a document, code blocks left out. */
function linksOf(file: string): string[] {
  const text = read(file)
    .replace(/^```.*?^```/gms, '')
    .replace(/`[^`\n]*`/g, '');
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] as string);
}

/** Anchors that headings give, as GitHub names them. */
function anchorsOf(file: string): string[] {
  return [...read(file).matchAll(/^#+ (.*)$/gm)].map((match) =>
    (match[1] as string)
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** The file of the repository that a link leads to, and the place in it; undefined: elsewhere. */
function targetOf(from: string, link: string): { file: string; anchor?: string } | undefined {
  const published = link.startsWith(PUBLISHED);
  if (/^[a-z]+:/.test(link) && !published) return undefined;
  const [name = '', anchor] = (published ? link.slice(PUBLISHED.length) : link).split('#');
  const folder = published ? '' : path.dirname(from);
  return { file: name === '' ? from : path.join(folder, name), anchor };
}

const packed = JSON.parse(
  execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: ROOT,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  }),
) as [{ files: { path: string }[] }];
const SHIPPED = new Set(packed[0].files.map(({ path: file }) => file));

const FOUND = DOCUMENTS.flatMap((from) =>
  linksOf(from).flatMap((link) => {
    const target = targetOf(from, link);
    return target ? [{ from, link, ...target }] : [];
  }),
);

test('links lead to files and headings that there are', () => {
  expect(FOUND.length).toBeGreaterThan(40);
  const dead = FOUND.filter(({ file, anchor }) => {
    if (!fs.existsSync(path.join(ROOT, file))) return true;
    return anchor !== undefined && !anchorsOf(file).includes(anchor);
  });
  expect(dead).toEqual([]);
});

test('what is published links to nothing that is not', () => {
  const dead = FOUND.filter(({ from, file }) => SHIPPED.has(from) && !SHIPPED.has(file));
  expect(dead).toEqual([]);
  expect(SHIPPED).toContain('docs/assets/memory.svg');
});

test("the README has no link that npm's page cannot resolve", () => {
  const relative = linksOf('README.md').filter((link) => !/^(https:|#)/.test(link));
  expect(relative).toEqual([]);
  expect(linksOf('README.md').filter((link) => link.startsWith(PUBLISHED)).length).toBeGreaterThan(
    10,
  );
});
