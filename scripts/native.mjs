/**
 * Sets up @tensorflow/tfjs-node-gpu for this checkout, built against the libraries of a TensorFlow
 * wheel, in the ignored folder .native. tfjs-node's own binaries are of TensorFlow 2.9 and are
 * downloaded from a server that not everybody can reach; a wheel brings a current one. Linux only.
 * docs/native.md tells the same for other projects.
 *
 *   npm run native                              wheel of tensorflow-cpu through pip
 *   npm run native -- --package tensorflow      another package, for example with CUDA
 *   npm run native -- --wheel FILE              a wheel at hand
 *   npm run native -- --force                   again, although it is set up
 *
 * Builds the package's own library of TensorFlow operations (`native/`) as well.
 *
 * The environment variables REVCOL_TF_WHEEL, REVCOL_TF_PACKAGE and REVCOL_TF_VERSION stand for the
 * options --wheel, --package and --version where these are not given.
 *
 * Exit status: 0 done, 2 no wheel to be had, 1 anything else.
 */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const ADDON = '@tensorflow/tfjs-node-gpu';
const ADDON_VERSION = '4.22.0';
const WHEEL_PACKAGE = 'tensorflow-cpu';
const WHEEL_VERSION = '2.21.0';
/** The libraries are the same in the wheels of every Python; pip must only find one. */
const WHEEL_PYTHON = '3.11';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const native = path.join(root, '.native');
const addon = path.join(native, 'node_modules', ADDON);
/** Written last; says what was set up. */
const ready = path.join(native, 'ready');

function say(text) {
  process.stdout.write(`native: ${text}\n`);
}

function run(command, args, options = {}) {
  return execFileSync(command, args, { stdio: 'inherit', cwd: native, ...options });
}

/** Ends the script for want of a wheel. */
function noWheel(text) {
  say(text);
  process.exit(2);
}

/** What was asked for, by options or else the environment. */
function readRequest() {
  const text = { type: 'string' };
  const { values } = parseArgs({
    options: { wheel: text, package: text, version: text, force: { type: 'boolean' } },
  });
  const { REVCOL_TF_WHEEL, REVCOL_TF_PACKAGE, REVCOL_TF_VERSION } = process.env;
  const from = (values.package ?? values.version) ? undefined : REVCOL_TF_WHEEL || undefined;
  // npm runs scripts in the checkout; a path is meant from where the user is.
  const wheel = values.wheel ?? from;
  return {
    // npm runs scripts in the checkout; a path is meant from where the user is.
    wheel: wheel ? path.resolve(process.env.INIT_CWD ?? '.', wheel) : undefined,
    package: values.package ?? (REVCOL_TF_PACKAGE || undefined),
    version: values.version ?? (REVCOL_TF_VERSION || undefined),
    force: values.force ?? false,
  };
}

/** How the name of a wheel of this package and version starts. */
function wheelPrefix({ package: name = WHEEL_PACKAGE, version = WHEEL_VERSION }) {
  return `${name.replaceAll('-', '_')}-${version}-`;
}

/** Whether `done`, the text of the file `ready`, is what was asked for; anything is, unless said. */
function isAsRequested(done, request) {
  if (request.wheel) return done.endsWith(` ${path.basename(request.wheel)}`);
  if (request.package || request.version) return done.includes(` ${wheelPrefix(request)}`);
  return true;
}

/** Path of the wheel: the one given, or one that pip downloads. */
function findWheel(request) {
  if (request.wheel) {
    if (!fs.existsSync(request.wheel)) noWheel(`there is no wheel ${request.wheel}`);
    return request.wheel;
  }
  const folder = path.join(native, 'wheel');
  fs.mkdirSync(folder, { recursive: true });
  const prefix = wheelPrefix(request);
  const find = () => fs.readdirSync(folder).find((f) => f.startsWith(prefix) && f.endsWith('.whl'));
  if (!find()) {
    const spec = `${request.package ?? WHEEL_PACKAGE}==${request.version ?? WHEEL_VERSION}`;
    say(`downloading the wheel of ${spec}`);
    const args = ['-m', 'pip', 'download', '--quiet', '--no-deps', '--only-binary=:all:'];
    try {
      run('python3', [...args, '--python-version', WHEEL_PYTHON, '-d', folder, spec]);
    } catch {
      noWheel(`pip cannot get ${spec}; give a wheel with --wheel FILE, or another --package`);
    }
  }
  return path.join(folder, find() ?? noWheel(`pip left no wheel named ${prefix}*.whl`));
}

/** Installs the addon's package without letting it download anything. */
function installPackage() {
  fs.writeFileSync(path.join(native, 'package.json'), '{ "name": "native", "private": true }\n');
  say(`installing ${ADDON} ${ADDON_VERSION}`);
  run('npm', [
    'install',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--no-save',
    '--loglevel=error',
    `${ADDON}@${ADDON_VERSION}`,
  ]);
  // One tfjs for all: without copies beside it the addon finds the checkout's.
  const scope = path.join(native, 'node_modules', '@tensorflow');
  for (const name of fs.readdirSync(scope)) {
    if (name !== path.basename(ADDON)) fs.rmSync(path.join(scope, name), { recursive: true });
  }
}

/** Takes libtensorflow and its C headers out of the wheel. */
function unpack(wheel) {
  say(`unpacking ${path.basename(wheel)}`);
  const script = `
import re, shutil, sys, zipfile, os
wheel, deps = sys.argv[1:]
header = re.compile(r'tensorflow/include/((tensorflow/(c|core/platform)|tsl/(c|platform)|xla/(tsl/)?c|xla/tsl/platform)/.*\\.h)$')
library = re.compile(r'tensorflow/(libtensorflow_(cc|framework)\\.so\\.[0-9]+)$')
with zipfile.ZipFile(wheel) as z:
    for info in z.infolist():
        match = header.match(info.filename)
        target = match and os.path.join(deps, 'include', match.group(1))
        if not target:
            match = library.match(info.filename)
            target = match and os.path.join(deps, 'lib', match.group(1))
        if target:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with z.open(info) as source, open(target, 'wb') as out:
                shutil.copyfileobj(source, out)
`;
  const deps = path.join(addon, 'deps');
  fs.rmSync(deps, { recursive: true, force: true });
  try {
    run('python3', ['-c', script, wheel, deps]);
  } catch {
    throw new Error(`${wheel} cannot be unpacked: is it a whole wheel?`);
  }
  const lib = path.join(deps, 'lib');
  const names = fs.existsSync(lib) ? fs.readdirSync(lib) : [];
  for (const [part, plain] of [
    ['libtensorflow_cc.so.', 'libtensorflow.so'],
    ['libtensorflow_framework.so.', 'libtensorflow_framework.so'],
  ]) {
    const name = names.find((n) => n.startsWith(part));
    if (!name) throw new Error(`${path.basename(wheel)} holds no ${part}N; is it one for Linux?`);
    fs.symlinkSync(name, path.join(lib, plain));
  }
}

/** Compiles the addon against this Node's headers. */
function build() {
  say('building the addon');
  const beside = path.resolve(path.dirname(fs.realpathSync(process.execPath)), '..');
  const args = ['install', '--build-from-source', '--loglevel=error'];
  if (fs.existsSync(path.join(beside, 'include', 'node', 'node_api.h'))) {
    args.push(`--nodedir=${beside}`);
  }
  const bin = path.join(native, 'node_modules', '.bin', 'node-pre-gyp');
  run(bin, args, { cwd: addon, stdio: ['ignore', 'ignore', 'inherit'] });
}

/**
 * In a process of its own: the addon shares the checkout's tfjs, computes, and trains a small model.
 */
function check() {
  const script = `
    const { createRequire } = require('module');
    const fromAddon = createRequire(${JSON.stringify(path.join(addon, 'package.json'))});
    for (const name of ['tfjs', 'tfjs-core', 'tfjs-layers']) {
      const [theirs, ours] = [fromAddon, require].map((r) => r.resolve('@tensorflow/' + name));
      if (theirs !== ours) throw new Error('the addon brings its own ' + name + ': ' + theirs);
    }
    const tf = require('@tensorflow/tfjs');
    fromAddon(${JSON.stringify(ADDON)});
    (async () => {
      if (!(await tf.setBackend('tensorflow'))) throw new Error('backend tensorflow does not start');
      const product = tf.matMul(tf.ones([2, 3]), tf.ones([3, 2])).dataSync()[0];
      if (product !== 3) throw new Error('backend tensorflow gives ' + product + ' for 3');
      const model = tf.sequential();
      model.add(tf.layers.conv2d({ filters: 4, kernelSize: 3, inputShape: [8, 8, 1] }));
      model.add(tf.layers.flatten());
      model.add(tf.layers.dense({ units: 1 }));
      model.compile({ optimizer: tf.train.adam(0.01), loss: 'meanSquaredError' });
      const x = tf.randomNormal([64, 8, 8, 1], 0, 1, 'float32', 1);
      const { history } = await model.fit(x, tf.mean(x, [1, 2]), { epochs: 10, verbose: 0 });
      const [first, last] = [history.loss[0], history.loss.at(-1)];
      if (!(last < first / 2)) throw new Error('a small model does not train: ' + history.loss);
      console.log('native: the addon computes, and trains a small model: loss ' +
        first.toPrecision(2) + ' to ' + last.toPrecision(2));
    })().catch((error) => {
      console.error(error);
      process.exitCode = 1;
    });`;
  run(process.execPath, ['-e', script], {
    cwd: root,
    env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '2' },
  });
}

function hasCompiler() {
  return [process.env.CXX, 'g++', 'clang++', 'c++'].filter(Boolean).some((command) => {
    try {
      return run(command, ['--version'], { stdio: 'ignore' }) !== undefined;
    } catch {
      return false;
    }
  });
}

/** Builds the package's own library of operations, where there is a compiler. */
function buildOperations() {
  if (!hasCompiler()) {
    say("no C++ compiler here: the tests run WITHOUT the package's own library of operations");
    return;
  }
  const main = path.join(root, 'src', 'cli', 'main.ts');
  const args = ['--import', 'tsx', main, 'native'];
  const stdio = ['inherit', 'pipe', 'inherit'];
  const [built] = run(process.execPath, args, { cwd: root, stdio, encoding: 'utf8' }).split('\n');
  // Only that: the command does not look into `.native` for a backend to try the library on.
  say(built);
}

function setUp(request) {
  fs.mkdirSync(native, { recursive: true });
  const done = fs.existsSync(ready) && fs.readFileSync(ready, 'utf8').trim();
  if (done && !request.force && isAsRequested(done, request)) {
    say(`already set up: ${done}; --force does it again`);
    check();
    buildOperations();
    return;
  }
  const wheel = findWheel(request);
  fs.rmSync(ready, { force: true });
  installPackage();
  unpack(wheel);
  build();
  check();
  buildOperations();
  fs.writeFileSync(ready, `${ADDON} ${ADDON_VERSION} on ${path.basename(wheel)}\n`);
  if (!request.wheel) fs.rmSync(path.join(native, 'wheel'), { recursive: true });
  say('done: the tests and benchmarks now also run on backend tensorflow');
}

try {
  setUp(readRequest());
} catch (error) {
  say(`failed: ${error.message.split('\n')[0]}`);
  process.exitCode = 1;
}
