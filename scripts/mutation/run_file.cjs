/**
 * Runs one file of tests in this process, by Jest's own `describe`, `test`, `expect` and `jest.fn`, but without what
 * makes Jest slow to start: no map of all files, no context of its own, and every module compiled once and kept.
 *
 * The parent sends a job: the file, the identities of its tests to run (all, where there are none), whether to stop at the
 * first failure, how often a change may be reached, the folder for compiled modules, and the options of swc. It gets
 * what became of each test, and which changes were reached by each, and in loading.
 */
const fs = require('node:fs');
const Module = require('node:module');
const path = require('node:path');
const { format } = require('node:util');

const root = process.cwd();
const requireFrom = (file) => Module.createRequire(file);
/** Jest's parts, as they are installed with it. */
const jestRequire = ['jest', 'jest-cli', 'jest-config', 'jest-circus'].reduce(
  (from, name) => requireFrom(from.resolve(`${name}/package.json`)),
  requireFrom(path.join(root, 'package.json')),
);
const circus = jestRequire('jest-circus');
const { jestExpect } = jestRequire('@jest/expect');
const { ModuleMocker } = requireFrom(jestRequire.resolve('@jest/environment'))('jest-mock');

/** As `jest.config.mjs` maps names. */
const OWN = /^tfjs-revcol(?:\/(.*))?$/;
const load = Module._load;
const mocks = new Map();
Module._load = (request, ...rest) => {
  const mock = mocks.get(request);
  if (mock) return mock();
  const own = OWN.exec(request);
  if (!own) return load(request, ...rest);
  return load(path.join(root, 'src', own[1] ? `entries/${own[1]}` : 'index'), ...rest);
};
const resolve = Module._resolveFilename;
Module._resolveFilename = (request, ...rest) =>
  resolve(/^\.{1,2}\//.test(request) ? request.replace(/\.js$/, '') : request, ...rest);

const mocker = new ModuleMocker(globalThis);
/** What tests use of `jest`, for a module; another of its functions is missing, so that the first run fails. */
const jestOf = (module) => ({
  fn: mocker.fn.bind(mocker),
  spyOn: mocker.spyOn.bind(mocker),
  restoreAllMocks: () => mocker.restoreAllMocks(),
  requireActual: (request) => load(request, module),
  mock: (request, factory) => {
    let made;
    mocks.set(request, () => (made ??= factory()));
  },
});

function compile({ compiled, swc }) {
  let transformer;
  Module._extensions['.ts'] = (module, file) => {
    const kept = path.join(compiled, path.relative(root, file).replaceAll(path.sep, '+'));
    if (!fs.existsSync(kept)) {
      transformer ??= requireFrom(path.join(root, 'package.json'))('@swc/jest').createTransformer(
        swc,
      );
      const source = fs.readFileSync(file, 'utf8');
      const { code } = transformer.process(source, file, { supportsStaticESM: false });
      // Under a name of its own first: other processes compile at the same time.
      const own = `${kept}.${process.pid}`;
      fs.writeFileSync(own, code.replace(/\n\/\/# sourceMappingURL=.*/, ''));
      fs.renameSync(own, kept);
    }
    module.jest = jestOf(module);
    module._compile(`const jest = module.jest; ${fs.readFileSync(kept, 'utf8')}`, file);
  };
}

/** `support/environment.ts` says so: a test that prints fails. */
function watchConsole(printed) {
  for (const method of ['log', 'info', 'warn', 'error', 'debug', 'dir', 'table', 'trace']) {
    console[method] = (...args) => {
      const text = format(...args);
      if (!text.includes('looks like you are running TensorFlow.js in Node.js')) printed.push(text);
    };
  }
}

function titles(test) {
  const names = [test.name];
  for (let block = test.parent; block.parent; block = block.parent) names.unshift(block.name);
  return names.join(' ');
}

const testsOf = (block) =>
  block.children.flatMap((child) => (child.type === 'test' ? [child] : testsOf(child)));

/** Titles are not always told apart. */
function identities(file, tests) {
  const seen = new Map();
  return new Map(
    tests.map((test) => {
      const name = `${file}: ${titles(test)}`;
      const count = (seen.get(name) ?? 0) + 1;
      seen.set(name, count);
      return [test, count > 1 ? `${name} (${count})` : name];
    }),
  );
}

const message = (error) => {
  const cause = Array.isArray(error) ? (error[0] ?? error[1]) : error;
  return cause instanceof Error ? (cause.stack ?? cause.message) : format(cause);
};

async function main(job) {
  const { file, ids, bail, hitLimit } = job;
  const namespace = (globalThis.__stryker__ ??= {});
  const coverage = (namespace.mutantCoverage = { static: {}, perTest: {} });
  if (hitLimit !== undefined) Object.assign(namespace, { hitLimit, hitCount: 0 });
  // TEST_TIMEOUT_SYMBOL of jest-circus, and what jest.config.mjs says of it.
  globalThis[Symbol.for('TEST_TIMEOUT_SYMBOL')] = job.timeout;
  Object.assign(globalThis, circus, { expect: jestExpect });
  const printed = [];
  watchConsole(printed);
  compile(job);

  const results = [];
  let identity = new Map();
  let finished = false;
  const finish = (failure) => {
    // Other tests may go on until this has been sent.
    if (finished) return;
    finished = true;
    const looped = namespace.hitCount > namespace.hitLimit;
    const { static: inLoading, perTest } = coverage;
    process.send({ results, failure, looped, inLoading, perTest }, () => process.exit(0));
  };
  const fail = (id, error) => {
    if (bail) finish({ id, message: message(error) });
  };
  let current;
  let before;
  const stray = (error) => {
    const id = current ?? file;
    results.push({ id, name: id, status: 'failed', message: message(error), ms: 0 });
    finish({ id, message: message(error) });
  };
  process.on('uncaughtException', stray);
  process.on('unhandledRejection', stray);

  const hooks = new Map();
  circus.addEventHandler((event) => {
    if (event.name === 'run_start') {
      const tests = testsOf(circus.getState().rootDescribeBlock);
      identity = identities(file, tests);
      if (ids) for (const test of tests) if (!ids.includes(identity.get(test))) test.mode = 'skip';
    } else if (event.name === 'test_start') {
      current = namespace.currentTestId = identity.get(event.test);
      before = process.cpuUsage();
    } else if (event.name === 'hook_start' && /All$/.test(event.hook.type)) {
      // Belongs to each test below; told apart by its place.
      const key = `hook ${hooks.size}`;
      hooks.set(key, event.hook.parent);
      namespace.currentTestId = key;
    } else if (event.name === 'hook_failure' && event.hook.type === 'afterAll') {
      stray(event.error);
    } else if (event.name === 'test_done') {
      const { test } = event;
      if (printed.length > 0) test.errors.push(new Error(`printed: ${printed.splice(0).join()}`));
      const [error] = test.errors;
      const id = identity.get(test);
      const { user, system } = process.cpuUsage(before);
      const cpu = Math.round((user + system) / 1000);
      results.push({
        ...{ id, name: titles(test), ms: test.duration ?? 0, cpu },
        ...(error ? { status: 'failed', message: message(error) } : { status: 'passed' }),
      });
      if (error) fail(id, error);
    }
  });
  try {
    require(path.join(root, file));
  } catch (error) {
    stray(error);
    return;
  }
  await circus.run();
  for (const [key, block] of hooks) {
    const counts = Object.entries(coverage.perTest[key] ?? {});
    delete coverage.perTest[key];
    for (const test of testsOf(block)) {
      const own = (coverage.perTest[identity.get(test)] ??= {});
      for (const [mutant, count] of counts) own[mutant] = (own[mutant] ?? 0) + count;
    }
  }
  finish();
}

process.once('message', main);
