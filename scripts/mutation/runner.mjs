/**
 * Stryker's plugin that runs this package's tests: one process for each file of tests, of which only those tests run
 * that reach the change, the quickest ones up to a budget, until one notices. No process sees two changes, so that
 * none sees what another left behind, and changes of what is done in loading are tried like all others.
 */
import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { clearInterval, setInterval } from 'node:timers';
import { fileURLToPath } from 'node:url';

const RUN_FILE = fileURLToPath(new URL('run_file.cjs', import.meta.url));
/** About what a process takes to load its modules. */
const START_MS = 600;
/** What a change gets, beside five times the budget, before it is said to run for ever. */
const LIMIT_MS = 20_000;
/** How often to look how far a process is. */
const LOOK_MS = 250;

/** For how long a process has been ready to run but had no processor, in ms; 0 where nobody counts it. */
function waitedMs(pid) {
  try {
    const [, waited] = fs.readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ');
    return Number(waited) / 1e6;
  } catch {
    // Not Linux, or at its end.
    return 0;
  }
}

/** A change as text, which tells it apart from all others, also in another run. */
export function keyOf({ fileName, location, mutatorName, replacement }) {
  const { start, end } = location;
  const place = [start.line, start.column, end.line, end.column];
  return JSON.stringify([fileName, ...place, mutatorName, replacement]);
}

/**
 * Whether a change is tried: one of a list, or of a sample, by a hash of what it is.
 *
 * @param only keys; null for all
 * @param share of all changes, 1 for all
 */
export function isSampled(change, { only, share, seed }) {
  const key = keyOf(change);
  if (only && !only.includes(key)) return false;
  const digest = createHash('sha256').update(
    `${JSON.stringify([seed]).slice(0, -1)},${key.slice(1)}`,
  );
  return digest.digest().readUInt32BE() / 2 ** 32 < share;
}

class ProcessPerFile {
  static inject = ['options', 'logger'];

  /** Files of tests with what the first run said of them: changes that loading reaches, and what each test costs. */
  files = new Map();

  constructor({ revcol }, log) {
    this.options = revcol;
    this.log = log;
  }

  capabilities() {
    return { reloadEnvironment: true };
  }

  /** The first run and the others are those of two processes, which share the folder that Stryker copies all into. */
  async init() {
    const config = (await import(path.resolve('jest.config.mjs'))).default;
    const [, swc] = config.transform['^.+\\.m?ts$'];
    this.compiled = path.resolve('.compiled');
    this.scratch = path.resolve('.scratch');
    for (const folder of [this.compiled, this.scratch]) fs.mkdirSync(folder, { recursive: true });
    this.job = { compiled: this.compiled, swc, timeout: config.testTimeout };
    this.firstRun = path.resolve('.first_run.json');
  }

  /** What `run_file.cjs` answers, or that it took longer than `limit`, what it waited for a processor not counted. */
  run(job, limit, env = {}) {
    return new Promise((resolve) => {
      const child = fork(RUN_FILE, {
        env: { ...process.env, TMPDIR: this.scratch, ...env },
        execArgv: ['--max-old-space-size=2000', '--no-warnings'],
        stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      });
      let answer;
      let errors = '';
      child.stderr.on('data', (data) => (errors = `${errors}${data}`.slice(-2000)));
      const start = Date.now();
      let waited = 0;
      const timer = setInterval(() => {
        waited = Math.max(waited, waitedMs(child.pid));
        if (Date.now() - start - waited < limit) return;
        answer ??= { late: true };
        child.kill('SIGKILL');
      }, LOOK_MS);
      child.on('message', (message) => (answer ??= message));
      child.on('close', (code) => {
        clearInterval(timer);
        // Waits for what never comes, or has no memory left.
        const message = `ended with ${code} before its tests did: ${errors}`;
        resolve(answer ?? { failure: { id: job.file, message }, results: [] });
      });
      child.send({ ...this.job, ...job });
    });
  }

  async dryRun({ timeout }) {
    const tests = [];
    const mutantCoverage = { static: {}, perTest: {} };
    for (const file of this.options.tests) {
      const answer = await this.run({ file, bail: false }, timeout);
      if (answer.late) return { status: 'timeout', reason: file };
      const { failure, inLoading, perTest } = answer;
      const results = answer.results.filter(({ id, status, message }) => {
        if (status === 'passed') return true;
        // Stryker's counting makes code slower than tests of time allow; nothing else may fail.
        this.log.warn(`left out, as it fails with counting: ${id}: ${message}`);
        delete perTest[id];
        return false;
      });
      if (failure || (results.length === 0 && answer.results.length > 0)) {
        const errorMessage = `${file}: ${failure?.message ?? 'all tests fail'}`;
        return { status: 'error', errorMessage };
      }
      this.files.set(file, { inLoading, costs: results.map(({ id, cpu }) => [id, cpu]) });
      Object.assign(mutantCoverage.perTest, perTest);
      for (const [mutant, count] of Object.entries(inLoading)) {
        mutantCoverage.static[mutant] = (mutantCoverage.static[mutant] ?? 0) + count;
      }
      for (const { id, name, ms } of results) {
        tests.push({ id, name, timeSpentMs: ms, status: 0, fileName: path.resolve(file) });
      }
    }
    fs.writeFileSync(this.firstRun, JSON.stringify([...this.files]));
    return { status: 'complete', tests, mutantCoverage };
  }

  /**
   * The tests of each file that are to run: of the filter's, or where there is none of all tests in files that reach the
   * change in loading, the quickest ones, as long as they take no more than the budget together; at least one.
   */
  plan({ testFilter, activeMutant }) {
    if (this.files.size === 0)
      this.files = new Map(JSON.parse(fs.readFileSync(this.firstRun, 'utf8')));
    const wanted = testFilter && new Set(testFilter);
    const reaching = [];
    for (const [file, { costs, inLoading }] of this.files) {
      if (!wanted && !inLoading[activeMutant.id]) continue;
      for (const [id, cost] of costs)
        if (!wanted || wanted.has(id)) reaching.push({ file, id, cost });
    }
    const plan = new Map();
    let left = this.options.budgetMs;
    for (const { file, id, cost } of reaching.sort((a, b) => a.cost - b.cost)) {
      left -= cost + (plan.has(file) ? 0 : START_MS);
      if (left < 0 && plan.size > 0) break;
      plan.set(file, [...(plan.get(file) ?? []), id]);
    }
    return plan;
  }

  async mutantRun(options) {
    const { activeMutant, hitLimit, sandboxFileName } = options;
    const fileName = path.relative(process.cwd(), sandboxFileName);
    if (!isSampled({ ...activeMutant, fileName }, this.options)) {
      return { status: 'error', errorMessage: 'not in the sample' };
    }
    const env = { __STRYKER_ACTIVE_MUTANT__: activeMutant.id };
    const limit = LIMIT_MS + 5 * this.options.budgetMs;
    let nrOfTests = 0;
    for (const [file, ids] of this.plan(options)) {
      const answer = await this.run({ file, ids, bail: true, hitLimit }, limit, env);
      if (answer.late || answer.looped) return { status: 'timeout', reason: file };
      nrOfTests += answer.results.length;
      if (answer.failure) {
        const { id, message } = answer.failure;
        return { status: 'killed', killedBy: [id], failureMessage: message, nrOfTests };
      }
    }
    return { status: 'survived', nrOfTests };
  }
}

/** As `declareClassPlugin` of `@stryker-mutator/api` makes it. */
export const strykerPlugins = [
  { kind: 'TestRunner', name: 'process-per-file', injectableClass: ProcessPerFile },
];

/** Stryker checks options by it. */
export const strykerValidationSchema = {
  type: 'object',
  properties: { revcol: { type: 'object' } },
};
