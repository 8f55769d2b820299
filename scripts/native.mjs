/**
 * Sets up @tensorflow/tfjs-node-gpu for this checkout, built against the libraries of a TensorFlow
 * wheel, in the ignored folder .native. tfjs-node's own binaries are of TensorFlow 2.9 and are
 * downloaded from a server that not everybody can reach; a wheel brings a current one.
 *
 *   npm run native                              wheel of tensorflow-cpu through pip
 *   npm run native -- --package tensorflow      another package, for example with CUDA
 *   npm run native -- --wheel FILE              a wheel at hand
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
const NO_WHEEL = 2;

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const native = path.join(root, '.native');
const addon = path.join(native, 'node_modules', ADDON);
const ready = path.join(native, 'ready');

const { values } = parseArgs({
  options: {
    wheel: { type: 'string' },
    package: { type: 'string', default: 'tensorflow-cpu' },
    version: { type: 'string', default: '2.21.0' },
    force: { type: 'boolean', default: false },
  },
});

function say(text) {
  process.stdout.write(`native: ${text}\n`);
}

function run(command, args, options = {}) {
  return execFileSync(command, args, { stdio: 'inherit', cwd: native, ...options });
}

/** Path of the wheel: the one given, or one that pip downloads. */
function findWheel() {
  if (values.wheel) return path.resolve(values.wheel);
  const folder = path.join(native, 'wheel');
  fs.mkdirSync(folder, { recursive: true });
  const find = () => fs.readdirSync(folder).find((f) => f.endsWith('.whl'));
  if (!find()) {
    const spec = `${values.package}==${values.version}`;
    say(`downloading the wheel of ${spec}`);
    try {
      run('python3', ['-m', 'pip', 'download', '--quiet', '--no-deps', '-d', folder, spec]);
    } catch {
      say(`pip cannot get ${spec}; give a wheel with --wheel FILE, or another --package`);
      process.exit(NO_WHEEL);
    }
  }
  return path.join(folder, find());
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
  // One tfjs for all: without copies of its own the addon finds the checkout's.
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
  run('python3', ['-c', script, wheel, deps]);
  const lib = path.join(deps, 'lib');
  for (const name of fs.readdirSync(lib)) {
    const plain = name.startsWith('libtensorflow_cc')
      ? 'libtensorflow.so'
      : 'libtensorflow_framework.so';
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

/** Loads the addon and computes something with it, in a process of its own. */
function check() {
  const script = `
    const tf = require('@tensorflow/tfjs');
    require('module').createRequire(${JSON.stringify(path.join(native, 'package.json'))})(${JSON.stringify(ADDON)});
    tf.setBackend('tensorflow').then((ok) => {
      const y = ok && tf.matMul(tf.ones([2, 3]), tf.ones([3, 2])).dataSync()[0];
      if (y !== 3) throw new Error('backend tensorflow gives ' + y + ' for 3');
    });`;
  run(process.execPath, ['-e', script], {
    cwd: root,
    env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '2' },
  });
}

fs.mkdirSync(native, { recursive: true });
if (fs.existsSync(ready) && !values.force) {
  say('already set up; --force does it again');
} else {
  const wheel = findWheel();
  installPackage();
  unpack(wheel);
  build();
  check();
  fs.writeFileSync(ready, `${ADDON} ${ADDON_VERSION} on ${path.basename(wheel)}\n`);
  if (!values.wheel) fs.rmSync(path.join(native, 'wheel'), { recursive: true });
  say('done: the tests and benchmarks now also run on backend tensorflow');
}
