/**
 * How many changes of the code the tests notice: Stryker makes them one by one, and runs the tests that reach each.
 * CONTRIBUTING.md tells what came of it.
 *
 *   npm run mutation                                     the parts of PARTS
 *   npm run mutation -- ops/reversible                   one of them
 *   npm run mutation -- weights --share 0.2 --seed 1     a fifth of its changes, drawn by a hash
 *   npm run mutation -- weights --share 0.2 --again --budget 30
 *                                                        what no test noticed then, by new tests or by slower ones
 *   npm run mutation -- ops/reversible/alpha.ts --tests ops/reversible/alphas
 *                                                        a file, and the tests that are to notice
 *
 * A change is tried by the quickest tests that reach it, as long as they take no more than the budget together, in
 * seconds of the processor. Stryker goes into the ignored folder .mutation, with its reports. Run it niced; it uses one
 * processor, or as many as --concurrency says. How busy the machine is does not count: what a process waits for a
 * processor is no part of the time after which a change is said to run for ever.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { isSampled, keyOf } from './mutation/runner.mjs';

const VERSION = '9.6.1';
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const folder = path.join(root, '.mutation');
const at = (...names) => path.join(folder, ...names);

/**
 * Folders of `src` without those that are parts of their own, and the tests that are to notice what changes in them:
 * those that run for minutes, and those of guides, are not.
 */
const PARTS = {
  'ops/reversible': ['ops/reversible'],
  weights: [
    ...[
      'float8',
      'input_channels',
      'known_files',
      'load',
      'pickle',
      'pytorch',
      'safetensors',
      'save',
    ],
    ...['labels', 'sharded', 'tensor_view', 'write_pytorch', 'zip'],
  ].map((name) => `weights/${name}`),
  'weights/bytes': ['bytes', 'failing_disk', 'http', 'secrets', 'sharded', 'sources'].map(
    (name) => `weights/${name}`,
  ),
  'weights/names': ['detection_files', 'load', 'name_mapping', 'names', 'segmentation_files'].map(
    (name) => `weights/${name}`,
  ),
};

/** Stryker's patterns for a part, or for a file. */
const changed = (name) =>
  name.endsWith('.ts')
    ? [`src/${name}`]
    : [name, ...Object.keys(PARTS).filter((other) => other.startsWith(`${name}/`))].map(
        (folder, i) => `${i > 0 ? '!' : ''}src/${folder}/**/*.ts`,
      );

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    tests: { type: 'string', multiple: true },
    share: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    budget: { type: 'string', default: '3' },
    again: { type: 'boolean', default: false },
    concurrency: { type: 'string', default: '1' },
  },
});
const wanted = positionals.length > 0 ? positionals : Object.keys(PARTS);
const unknown = wanted.find((name) => !(name in PARTS || options.tests));
if (unknown) throw new Error(`there is no part ${unknown}; expected ${Object.keys(PARTS)}`);
const share = Number(options.share);
if (!(share > 0 && share <= 1)) throw new Error(`--share is ${options.share}; expected 0 to 1`);
const sample = { share, seed: options.seed };
const budgetMs = Number(options.budget) * 1000;

if (!fs.existsSync(at('node_modules/@stryker-mutator/core/package.json'))) {
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(at('package.json'), '{ "private": true }\n');
  const args = ['install', '--no-audit', '--no-fund', `@stryker-mutator/core@${VERSION}`];
  execFileSync('npm', args, { cwd: folder, stdio: 'inherit' });
}

/** The files of tests at a place below `test`, which is one or a folder of them. */
function testFiles(place) {
  const file = `test/${place}.test.ts`;
  if (fs.existsSync(path.join(root, file))) return [file];
  const names = fs.readdirSync(path.join(root, 'test', place), { recursive: true });
  return names.filter((name) => name.endsWith('.test.ts')).map((name) => `test/${place}/${name}`);
}

/** The text between two places, lines and columns of which are counted from 1. */
function textAt(source, { start, end }) {
  const lines = source.split('\n').slice(start.line - 1, end.line);
  lines.push(lines.pop().slice(0, end.column - 1));
  lines[0] = lines[0].slice(start.column - 1);
  return lines.join(' ');
}
const short = (text, length = 90) => {
  const flat = text.replace(/\s+/g, ' ');
  return flat.length > length ? `${flat.slice(0, length)}...` : flat;
};

const read = (file) => JSON.parse(fs.readFileSync(file, 'utf8'));

/** All changes of a report, with the places that Stryker's runners get: counted from 0. */
function changes({ files }) {
  const back = ({ line, column }) => ({ line: line - 1, column: column - 1 });
  return Object.entries(files).flatMap(([fileName, { source, mutants }]) =>
    mutants.map((mutant) => {
      const { start, end } = mutant.location;
      const change = { ...mutant, fileName, location: { start: back(start), end: back(end) } };
      return { ...change, mutant, source, key: keyOf(change) };
    }),
  );
}
const unnoticed = ({ status }) => status === 'Survived' || status === 'NoCoverage';
const sampled = (report) => changes(report).filter((change) => isSampled(change, sample));

/** Puts what came of another try into a report. */
function merge(report, again, only) {
  const found = new Map(changes(again).map(({ key, status }) => [key, status]));
  for (const { key, mutant } of changes(report)) {
    if (only.includes(key) && found.has(key)) mutant.status = found.get(key);
  }
}

/** Prints each change that no test noticed, and a table of the sample by folder. */
function print(report) {
  const rows = new Map();
  for (const { fileName, source, mutant } of sampled(report)) {
    const { location, mutatorName, replacement, status } = mutant;
    for (const name of [path.dirname(fileName), 'all']) {
      const row = rows.get(name) ?? {
        changes: 0,
        Killed: 0,
        Timeout: 0,
        Survived: 0,
        NoCoverage: 0,
      };
      rows.set(name, row);
      row.changes++;
      row[status] = (row[status] ?? 0) + 1;
    }
    if (!unnoticed(mutant)) continue;
    const before = short(textAt(source, location));
    const place = `${fileName}:${location.start.line}`;
    console.log(`${status} ${place} ${mutatorName}: ${before} -> ${short(replacement)}`);
  }
  for (const row of rows.values()) {
    const { Killed, Timeout, Survived, NoCoverage } = row;
    const counted = Killed + Timeout + Survived + NoCoverage;
    row.score = Number(((100 * (Killed + Timeout)) / counted).toFixed(1));
  }
  console.table(Object.fromEntries(rows));
}

for (const name of wanted) {
  const own = name.replaceAll('/', '_');
  const [kept, fresh] = [at(`${own}.report.json`), at(`${own}.new.json`)];
  const only = options.again
    ? sampled(read(kept))
        .filter(unnoticed)
        .map(({ key }) => key)
    : null;
  const config = {
    mutate: changed(name),
    testRunner: 'process-per-file',
    plugins: [path.join(root, 'scripts/mutation/runner.mjs')],
    revcol: { ...sample, only, budgetMs, tests: (options.tests ?? PARTS[name]).flatMap(testFiles) },
    coverageAnalysis: 'perTest',
    concurrency: Number(options.concurrency),
    ignorePatterns: ['/*', '!/src', '!/test', '!/package.json', '!/jest.config.mjs'],
    tempDirName: at('tmp', own),
    reporters: ['progress-append-only', 'json'],
    jsonReporter: { fileName: fresh },
    // By the clock, and so never: what loops is stopped by Stryker's count of how often a change is reached, or by
    // the runner, which knows what the processes waited for.
    ...{ timeoutMS: 3_600_000, timeoutFactor: 5, dryRunTimeoutMinutes: 60 },
  };
  fs.writeFileSync(at(`${own}.config.json`), JSON.stringify(config));
  const stryker = at('node_modules/@stryker-mutator/core/bin/stryker.js');
  const { status } = spawnSync(process.execPath, [stryker, 'run', at(`${own}.config.json`)], {
    cwd: root,
    stdio: 'inherit',
    // The numbers of the tests are those of one backend.
    env: {
      REVCOL_BACKENDS: 'cpu',
      REVCOL_GOLDENS: path.resolve(root, '../shared/goldens'),
      ...process.env,
    },
  });
  if (status !== 0) {
    process.exitCode = 1;
    continue;
  }
  const report = options.again ? read(kept) : read(fresh);
  if (only) merge(report, read(fresh), only);
  fs.writeFileSync(kept, JSON.stringify(report));
  print(report);
}
