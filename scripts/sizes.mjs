/**
 * What common imports add to a page, and how large the package is to download. Needs a build.
 *
 *   node scripts/sizes.mjs                  checks against the limits in scripts/sizes.json, and
 *                                           that the table in docs/sizes.md is current
 *   node scripts/sizes.mjs --write          writes that table
 *   node scripts/sizes.mjs --of <folder>    only prints the table, of another copy of the package
 */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const document = path.join(root, 'docs/sizes.md');
const { imports, tarball } = JSON.parse(
  fs.readFileSync(path.join(root, 'scripts/sizes.json'), 'utf8'),
);
const { values: options } = parseArgs({
  options: { write: { type: 'boolean' }, of: { type: 'string' } },
});
const folder = path.resolve(options.of ?? root);

/** How far a number in the document may be off: not every change has to touch it. */
const TOLERANCE = 0.02;
const kB = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;

/**
 * Bytes of what a page loads at once for an import, minified, without tfjs: plain and with gzip. What
 * is loaded on demand (checksums of downloads) is not counted. Null where there is no such entry.
 */
async function measure(code, project) {
  const result = await build({
    stdin: { contents: code, resolveDir: project },
    bundle: true,
    minify: true,
    splitting: true,
    format: 'esm',
    platform: 'browser',
    outdir: path.join(project, 'out'),
    external: ['@tensorflow/*'],
    tsconfigRaw: '{}',
    metafile: true,
    write: false,
    logLevel: 'silent',
  }).catch((error) => {
    if (error.errors?.every(({ text }) => text.startsWith('Could not resolve'))) return null;
    throw error;
  });
  if (!result) return null;
  const { outputs } = result.metafile;
  const [entry] = Object.entries(outputs).find(([, { entryPoint }]) => entryPoint === '<stdin>');
  const loaded = new Set([entry]);
  for (const file of loaded) {
    outputs[file].imports
      .filter(({ kind, external }) => kind === 'import-statement' && !external)
      .forEach((found) => loaded.add(found.path));
  }
  const contents = result.outputFiles
    .filter((file) => loaded.has(path.relative(process.cwd(), file.path)))
    .map((file) => file.contents);
  const sum = (sizes) => sizes.reduce((a, b) => a + b, 0);
  return {
    minified: sum(contents.map((bytes) => bytes.length)),
    gzip: sum(contents.map((bytes) => gzipSync(bytes, { level: 9 }).length)),
  };
}

/** Bytes of the tarball and of what it holds. */
function measureTarball() {
  const packed = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [{ size, unpackedSize }] = JSON.parse(packed);
  return { gzip: size, minified: unpackedSize };
}

async function measureAll() {
  const project = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-sizes-'));
  try {
    fs.mkdirSync(path.join(project, 'node_modules'));
    fs.symlinkSync(folder, path.join(project, 'node_modules/tfjs-revcol'));
    const rows = [];
    for (const { name, code, limit } of imports) {
      rows.push({ name, limit, ...(await measure(code, project)) });
    }
    return [...rows, { name: 'the tarball', limit: tarball.limit, ...measureTarball() }];
  } finally {
    fs.rmSync(project, { recursive: true });
  }
}

/** Rows of a Markdown table, in columns of equal width, as prettier wants it. */
function asTable(rows) {
  const cells = [
    ['import', 'minified', 'gzip', 'limit'],
    ...rows.map(({ name, minified, gzip, limit }) => [name, kB(minified), kB(gzip), kB(limit)]),
  ];
  const widths = cells[0].map((_, i) => Math.max(...cells.map((row) => row[i].length)));
  const line = (row) => `| ${row.map((cell, i) => cell.padEnd(widths[i])).join(' | ')} |`;
  return [line(cells[0]), line(widths.map((n) => '-'.repeat(n))), ...cells.slice(1).map(line)].join(
    '\n',
  );
}

/** Numbers of the document's table, by name of the row, in bytes. */
function documented(text) {
  const rows = text.matchAll(/^\| (.+?) +\| ([\d.]+) kB +\| ([\d.]+) kB +\| ([\d.]+) kB +\|$/gm);
  return new Map([...rows].map(([, name, ...numbers]) => [name, numbers.map((n) => 1000 * n)]));
}

const rows = (await measureAll()).filter(({ gzip }) => gzip !== undefined);
const table = asTable(rows);
if (options.of) {
  console.log(table);
} else if (options.write) {
  const text = fs.readFileSync(document, 'utf8');
  fs.writeFileSync(document, text.replace(/^\| import[^]*?\n(?!\|)/m, `${table}\n`));
} else {
  console.log(table);
  const known = documented(fs.readFileSync(document, 'utf8'));
  const off = (a, b) => Math.abs(a - b) > TOLERANCE * b + 50;
  const stale = rows.filter(({ name, minified, gzip, limit }) => {
    const [m, g, l] = known.get(name) ?? [0, 0, 0];
    return off(minified, m) || off(gzip, g) || Math.abs(limit - l) > 50;
  });
  const over = rows.filter(({ gzip, limit }) => gzip > limit);
  for (const { name, gzip, limit } of over) {
    console.error(
      `${name}: ${kB(gzip)}, over its limit of ${kB(limit)}. Find what came in (esbuild's ` +
        'metafile tells), or raise the limit in scripts/sizes.json and say why',
    );
  }
  if (stale.length > 0 || known.size !== rows.length) {
    console.error(
      `docs/sizes.md is not current (${stale.map(({ name }) => name).join(', ')}): ` +
        'npm run check:sizes -- --write',
    );
    process.exitCode = 1;
  }
  if (over.length > 0) process.exitCode = 1;
}
