/**
 * How many changes of the code the tests notice: Stryker makes them one by one, and runs tests after each.
 * CONTRIBUTING.md tells what came of it.
 *
 *   npm run mutation                                     the parts of PARTS, which takes hours
 *   npm run mutation -- weights/safetensors              one of them
 *   npm run mutation -- ops/reversible/alpha.ts --tests ops/reversible/alphas
 *                                                        a file, and the tests that are to notice
 *
 * Stryker goes into the ignored folder .mutation, with what it has found out: the next run only tries what has
 * changed since. Run it niced; it uses one processor.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const VERSION = '9.6.1';
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const folder = path.join(root, '.mutation');
const at = (...names) => path.join(folder, ...names);

/** Folders of `src`, and the tests that are to notice what changes in them. */
const PARTS = {
  'weights/safetensors': ['weights/safetensors'],
  'weights/zip': ['weights/zip'],
  'weights/pickle': ['weights/pickle', 'weights/long_logs'],
  'weights/pytorch': ['weights/pytorch', 'weights/pickle'],
  'weights/bytes': ['weights/sources', 'weights/http', 'weights/failing_disk'],
  'weights/names': ['weights/name_mapping', 'weights/load'],
  'ops/reversible': ['ops/reversible'],
};

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { tests: { type: 'string', multiple: true } },
});
const wanted = positionals.length > 0 ? positionals : Object.keys(PARTS);
const unknown = wanted.find((name) => !(name in PARTS || options.tests));
if (unknown) throw new Error(`there is no part ${unknown}; expected ${Object.keys(PARTS)}`);

if (!fs.existsSync(at('node_modules/@stryker-mutator/jest-runner/package.json'))) {
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(at('package.json'), '{ "private": true }\n');
  const names = ['core', 'jest-runner'].map((name) => `@stryker-mutator/${name}@${VERSION}`);
  const args = ['install', '--no-audit', '--no-fund', ...names];
  execFileSync('npm', args, { cwd: folder, stdio: 'inherit' });
}
for (const name of wanted) {
  const own = name.replaceAll('/', '_');
  const tests = options.tests ?? PARTS[name];
  const config = {
    mutate: [name.endsWith('.ts') ? `src/${name}` : `src/${name}/**/*.ts`],
    testRunner: 'jest',
    plugins: [at('node_modules/@stryker-mutator/jest-runner/dist/src/index.js')],
    jest: {
      configFile: 'jest.config.mjs',
      config: {
        testMatch: tests.flatMap((place) => [
          `<rootDir>/test/${place}.test.ts`,
          `<rootDir>/test/${place}/**/*.test.ts`,
        ]),
      },
      enableFindRelatedTests: false,
    },
    // All tests after each change: what counts for one is not to be seen through an environment of our own.
    coverageAnalysis: 'off',
    concurrency: 1,
    ...{ incremental: true, incrementalFile: at(`${own}.json`) },
    ignorePatterns: ['.native', '.webgpu', '.peers', '.fuzz', '.mutation', 'dist', 'out', 'docs'],
    tempDirName: at('tmp'),
    reporters: ['clear-text', 'json'],
    clearTextReporter: { allowColor: false, reportTests: false },
    jsonReporter: { fileName: at(`${own}.report.json`) },
    timeoutMS: 60_000,
  };
  fs.writeFileSync(at(`${own}.config.json`), JSON.stringify(config));
  const stryker = at('node_modules/@stryker-mutator/core/bin/stryker.js');
  const { status } = spawnSync(process.execPath, [stryker, 'run', at(`${own}.config.json`)], {
    cwd: root,
    stdio: 'inherit',
    // The numbers of the tests are those of one backend.
    env: { REVCOL_BACKENDS: 'cpu', ...process.env },
  });
  if (status !== 0) process.exitCode = 1;
}
