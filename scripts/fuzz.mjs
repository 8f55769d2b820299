/**
 * Fuzzes the readers of files, guided by coverage, and lets Python's readers judge what was found.
 * CONTRIBUTING.md tells what came of it.
 *
 *   npm run fuzz                                   every reader, two million inputs each
 *   npm run fuzz -- pickle zip --seconds 60        some of them, for so long
 *   npm run fuzz -- --judge-only                   compares what earlier runs have found
 *   npm run fuzz -- pickle --keep 40               keeps that many of the inputs in the repository
 *
 * Everything lies in the ignored folder .fuzz, Jazzer.js, which instruments the readers, as well: it is no
 * dependency. Exit status 1 where a reader fails otherwise than in its own words, takes more than a second for
 * one input, or sees something else in a file than another reader does.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { createRequire } from 'node:module';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';

const INSTRUMENTOR = '@jazzer.js/instrumentor@4.0.0';
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const folder = path.join(root, '.fuzz');
const kept = path.join(root, 'scripts/fuzz/corpus');

/** Readers, and the Python modules that judge them. */
const TARGETS = {
  pickle: 'pickle',
  zip: 'zipfile',
  safetensors: 'safetensors',
  png: 'PIL',
  torch: 'torch',
  manifest: undefined,
};
/** Longest input in bytes. */
const MAX_LENGTH = 2048;
/** An input may take this long, in ms. */
const MAX_MS = 1000;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: 'string', default: '2000000' },
    seconds: { type: 'string', default: '14400' },
    keep: { type: 'string' },
    'judge-only': { type: 'boolean', default: false },
  },
});
const wanted = positionals.length > 0 ? positionals : Object.keys(TARGETS);
const unknown = wanted.find((name) => !(name in TARGETS));
if (unknown) throw new Error(`there is no reader ${unknown}; expected ${Object.keys(TARGETS)}`);

const say = (text) => process.stdout.write(`${text}\n`);
const at = (...names) => path.join(folder, ...names);

function install() {
  if (fs.existsSync(at('node_modules/@jazzer.js/instrumentor/package.json'))) return;
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(at('package.json'), '{ "private": true }\n');
  const args = ['install', '--no-audit', '--no-fund', INSTRUMENTOR];
  execFileSync('npm', args, { cwd: folder, stdio: 'inherit' });
}

/** Makes a reader one file, as it is and instrumented. */
async function bundle(name) {
  const contents = `
    import { verdictOf } from './target';
    import { target } from './${name}';
    export const fuzz = async (input) => void (await verdictOf(target, target.file(input)));
    export const fileOf = (input) => target.file(input);
    export const judged = (file) => verdictOf(target, file);`;
  const outfile = at('targets', `${name}.cjs`);
  await build({
    stdin: { contents, resolveDir: path.join(root, 'scripts/fuzz'), loader: 'ts' },
    ...{ bundle: true, platform: 'node', format: 'cjs', target: 'node20' },
    loader: { '.wasm': 'binary' },
    define: { 'import.meta.url': '__filename', 'import.meta.dirname': '__dirname' },
    external: ['@tensorflow/*'],
    outfile,
    logLevel: 'error',
  });
  const require = createRequire(at('package.json'));
  const plugins = path.join(path.dirname(require.resolve('@jazzer.js/instrumentor')), 'plugins');
  const { codeCoverage } = require(path.join(plugins, 'codeCoverage.js'));
  const { compareHooks } = require(path.join(plugins, 'compareHooks.js'));
  let edges = 0;
  const { code } = require('@babel/core').transformSync(fs.readFileSync(outfile, 'utf8'), {
    ...{ babelrc: false, configFile: false, compact: false, filename: outfile },
    plugins: [codeCoverage({ nextEdgeId: () => edges++ }), compareHooks],
  });
  fs.writeFileSync(at('targets', `${name}.instrumented.cjs`), code);
}

/** Runs the loop; null where it hung or died. */
function runLoop(name, runs, seconds) {
  const found = at('found', name);
  fs.mkdirSync(found, { recursive: true });
  const loop = path.join(root, 'scripts/fuzz/loop.mjs');
  const reader = at('targets', `${name}.instrumented.cjs`);
  const args = [loop, reader, at('corpus', name), found, runs, seconds, MAX_LENGTH].map(String);
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, args, {
    ...{ cwd: root, encoding: 'utf8', maxBuffer: 1 << 28 },
    // What hangs is killed a while after all is to be over.
    timeout: 1000 * (Number(seconds) + 120),
    killSignal: 'SIGKILL',
  });
  if (status === 0) return JSON.parse(stdout);
  say(`${name}: ended with ${signal ?? status}, at the input ${path.join(found, 'current')}`);
  say(stderr.slice(-2000));
  return null;
}

function fuzz(name) {
  const corpus = at('corpus', name);
  fs.mkdirSync(corpus, { recursive: true });
  const seeds = path.join(kept, name);
  for (const file of fs.existsSync(seeds) ? fs.readdirSync(seeds) : []) {
    fs.copyFileSync(path.join(seeds, file), path.join(corpus, file));
  }
  const result = runLoop(name, options.runs, options.seconds);
  if (!result) return false;
  const { executed, edges, kept: inputs, slowest, failures } = result;
  say(`${name}: ${executed} inputs, ${edges} edges, ${inputs} kept, at most ${slowest} ms`);
  for (const failure of failures) say(`  FAILED ${failure}`);
  return failures.length === 0 && slowest <= MAX_MS;
}

function pythonWith(module) {
  const known = [process.env.REVCOL_PYTHON, path.join(root, '.peers/python/bin/python'), 'python3'];
  return known.find(
    (python) =>
      python && spawnSync(python, ['-c', `import ${module}`], { stdio: 'ignore' }).status === 0,
  );
}

/** Compares what we read of every input with what Python reads. */
async function judge(name) {
  const module = TARGETS[name];
  if (module === undefined) return true;
  const python = pythonWith(module);
  if (python === undefined) {
    say(`${name}: not judged, there is no Python with ${module}`);
    return true;
  }
  const { fileOf, judged } = createRequire(import.meta.url)(at('targets', `${name}.cjs`));
  const files = at('files', name);
  fs.rmSync(files, { recursive: true, force: true });
  fs.mkdirSync(files, { recursive: true });
  const ours = new Map();
  for (const from of [at('corpus', name), path.join(kept, name)]) {
    for (const input of fs.existsSync(from) ? fs.readdirSync(from) : []) {
      const file = fileOf(fs.readFileSync(path.join(from, input)));
      fs.writeFileSync(path.join(files, input), file);
      ours.set(input, await judged(file));
    }
  }
  const { stdout, stderr, status } = spawnSync(
    python,
    [path.join(root, 'scripts/fuzz/judge.py'), name, files],
    { encoding: 'utf8', maxBuffer: 1 << 28 },
  );
  if (status !== 0) throw new Error(`${name}: the judge failed: ${stderr.slice(-1000)}`);
  const counts = {};
  const different = [];
  const words = new Map();
  for (const line of stdout.trim().split('\n').filter(Boolean)) {
    const { file, outcome, content, message } = JSON.parse(line);
    const own = ours.get(file);
    const isLeftOut =
      outcome === 'not compared' || (own.outcome === 'read' && own.content === null);
    const isSame = JSON.stringify(own.content) === JSON.stringify(content);
    const kind = isLeftOut
      ? 'not compared'
      : own.outcome === 'read' && outcome === 'read'
        ? isSame
          ? 'the same'
          : 'DIFFERENT'
        : own.outcome === outcome
          ? 'refused by both'
          : `read by ${outcome === 'read' ? 'Python' : 'us'} alone`;
    counts[kind] = (counts[kind] ?? 0) + 1;
    if (kind === 'DIFFERENT') different.push(path.join(files, file));
    const said = (own.message ?? message ?? '').replace(/\d+|'[^']*'|"[^"]*"/g, '#').slice(0, 90);
    if (kind.endsWith('alone')) {
      const key = `${kind}: ${said}`;
      words.set(key, [...(words.get(key) ?? []), file]);
    }
  }
  say(
    `${name}, judged by ${module}: ${Object.entries(counts)
      .map(([kind, n]) => `${n} ${kind}`)
      .join(', ')}`,
  );
  for (const [key, examples] of [...words].sort(([, a], [, b]) => b.length - a.length)) {
    say(`  ${examples.length} ${key} (${examples[0]})`);
  }
  for (const file of different.slice(0, 20)) say(`  DIFFERENT ${file}`);
  return different.length === 0;
}

/** Puts inputs that reach what smaller ones do not into the repository, from all sizes alike. */
function keep(name, count) {
  const { needed } = runLoop(name, 0, 600) ?? { needed: [] };
  fs.rmSync(path.join(kept, name), { recursive: true, force: true });
  fs.mkdirSync(path.join(kept, name), { recursive: true });
  const step = Math.max(1, needed.length / count);
  for (let i = 0; i < needed.length; i += step) {
    const file = needed[Math.floor(i)];
    fs.copyFileSync(at('corpus', name, file), path.join(kept, name, file.slice(0, 12)));
  }
}

install();
let isGood = true;
for (const name of wanted) {
  await bundle(name);
  if (!options['judge-only']) isGood = fuzz(name) && isGood;
  isGood = (await judge(name)) && isGood;
  if (options.keep !== undefined) keep(name, Number(options.keep));
}
process.exitCode = isGood ? 0 : 1;
