/**
 * Makes the portable check for machines with a graphics card: one archive for Linux x64 that needs nothing there but
 * the card's driver. It holds Node, Dawn (the npm package webgpu), the Vulkan loader, the doctor with its goldens, and a
 * benchmark on webgpu; docs/doctor.md tells how it is used.
 *
 *   npm run gpu-bundle                  out/gpu/revcol-gpu-linux-x64.tar.gz
 *   npm run gpu-bundle -- --folder DIR  also leaves its files in a folder
 *
 * Exit status: 0 done, 2 something that it is made of is not to be had, 1 anything else.
 */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const NAME = 'revcol-gpu';
const LIMIT = 60e6;

/** Programs of the bundle, by name. */
const PROGRAMS = {
  main: 'bench/gpu/main.ts',
  doctor: 'bench/gpu/doctor.ts',
  contestant: 'bench/gpu/contestant.ts',
  split_products: 'bench/gpu/split_products.ts',
  make_inputs: 'bench/contestants/make_inputs.ts',
};

/** What Node and Dawn need besides the C library; used only where the machine lacks it. */
const LIBRARIES = ['libstdc++.so.6', 'libgcc_s.so.1'];
const VULKAN = 'libvulkan.so.1';

/** Starts the program; in the shell's own commands alone, as a bare machine may have no others. */
const START = `#!/bin/sh
here=\${0%/*}
[ "$here" = "$0" ] && here=.
# Libraries of the machine come first: a driver may need newer ones than these.
if ! "$here/bin/node" --version >/dev/null 2>&1; then
  LD_LIBRARY_PATH="$here/lib\${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
fi
found=
for folder in /usr/lib/x86_64-linux-gnu /lib/x86_64-linux-gnu /usr/lib64 /lib64 /usr/lib /usr/local/lib; do
  [ -e "$folder/${VULKAN}" ] && found=1
done
[ -z "$found" ] && LD_LIBRARY_PATH="\${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$here/vulkan"
# Containers are often given NVIDIA's driver without the file that announces it to Vulkan.
if [ -z "$VK_ICD_FILENAMES$VK_DRIVER_FILES" ]; then
  announced=
  for file in /usr/share/vulkan/icd.d/*.json /etc/vulkan/icd.d/*.json /usr/local/share/vulkan/icd.d/*.json; do
    [ -e "$file" ] && announced=1
  done
  if [ -z "$announced" ]; then
    for folder in /usr/lib/x86_64-linux-gnu /usr/lib64 /usr/lib /usr/local/nvidia/lib64; do
      [ -e "$folder/libGLX_nvidia.so.0" ] || continue
      VK_ICD_FILENAMES="$here/vulkan/nvidia_icd.json"
      export VK_ICD_FILENAMES
    done
  fi
fi
export LD_LIBRARY_PATH
exec "$here/bin/node" "$here/app/main.mjs" "$@"
`;

const NVIDIA = {
  file_format_version: '1.0.0',
  ICD: { library_path: 'libGLX_nvidia.so.0', api_version: '1.3.0' },
};

const README = `revcol-gpu: what tfjs-revcol computes on this machine's graphics card, how fast, and with what memory.

  ./revcol-gpu --out gpu.json     all of it; prints what goes on, writes results anew after every contest
  ./revcol-gpu --minutes 10       begins nothing more after 10 minutes
  ./revcol-gpu --doctor           only examines, measures nothing
  ./revcol-gpu --quick            small networks, to try the bundle itself

Linux x64 with glibc and a Vulkan driver of the graphics card; nothing is installed, nothing is sent anywhere.
Node, Dawn, the Vulkan loader and the GCC runtime libraries keep their own licences: MIT, BSD 3-Clause, Apache 2.0, and GPL with
the GCC runtime library exception.
`;

function say(text) {
  process.stdout.write(`gpu-bundle: ${text}\n`);
}

/** Ends it where a part is not to be had. */
function lacks(what) {
  say(what);
  process.exit(2);
}

/** Where the system has a library; the dynamic linker's cache knows. */
function libraryFile(name) {
  const ldconfig = ['/sbin/ldconfig', '/usr/sbin/ldconfig'].find((file) => fs.existsSync(file));
  const cache = execFileSync(ldconfig ?? 'ldconfig', ['-p'], { encoding: 'utf8' });
  const line = cache
    .split('\n')
    .find((text) => text.includes(`${name} (`) && text.includes('x86-64'));
  return line?.split('=> ')[1]?.trim();
}

function copyLibrary(name, folder) {
  const file = libraryFile(name);
  if (!file) lacks(`the library ${name} is not installed here (Debian: libvulkan1, libstdc++6)`);
  fs.copyFileSync(fs.realpathSync(file), path.join(folder, name));
}

/** Git's names of the code, which the machine of the measurement does not know. */
function source() {
  const git = (...args) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();
  const changed = git('status', '--porcelain', '--', 'src') === '' ? '' : ', changed';
  return {
    commit: git('rev-parse', '--short', 'HEAD'),
    src: `${git('rev-parse', '--short=12', 'HEAD:src')}${changed}`,
  };
}

async function buildPrograms(folder) {
  await build({
    absWorkingDir: root,
    entryPoints: PROGRAMS,
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    minify: true,
    format: 'esm',
    platform: 'node',
    mainFields: ['module', 'main'],
    target: 'node20',
    banner: {
      js:
        "import { createRequire as requireOf } from 'node:module';import { dirname as folderOf } from 'node:path';" +
        "import { fileURLToPath as pathOf } from 'node:url';const require = requireOf(import.meta.url);" +
        'const __filename = pathOf(import.meta.url);const __dirname = folderOf(__filename);',
    },
    logLevel: 'error',
  });
  fs.writeFileSync(path.join(folder, 'source.json'), JSON.stringify(source()));
  const wasm = path.join(root, 'node_modules/@tensorflow/tfjs-backend-wasm/dist');
  for (const file of ['tfjs-backend-wasm.wasm', 'tfjs-backend-wasm-simd.wasm']) {
    fs.copyFileSync(path.join(wasm, file), path.join(folder, file));
  }
}

/** Node itself, without what only debuggers read. */
function copyNode(file) {
  fs.copyFileSync(fs.realpathSync(process.execPath), file);
  const needed = execFileSync('ldd', [file], { encoding: 'utf8' });
  if (/libnode\.so/.test(needed)) {
    lacks('this Node is in pieces, as some distributions build it; use one of nodejs.org');
  }
  try {
    execFileSync('strip', [file], { stdio: 'ignore' });
  } catch {
    say('there is no strip here: the archive becomes larger than it has to be');
  }
  fs.chmodSync(file, 0o755);
}

const { values: options } = parseArgs({ options: { folder: { type: 'string' } } });
if (process.platform !== 'linux' || process.arch !== 'x64') lacks('it is made on Linux x64 only');
const dawn = path.join(root, '.webgpu/node_modules/webgpu/dist/linux-x64/dawn.node');
if (!fs.existsSync(dawn)) {
  // Its status is 2 where there is no adapter here, which the bundle does not need.
  try {
    execFileSync(process.execPath, [path.join(root, 'scripts/webgpu.mjs')], { stdio: 'inherit' });
  } catch {
    if (!fs.existsSync(dawn)) lacks('the npm package webgpu is not to be had');
  }
}
const parent = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-gpu-bundle-'));
try {
  const folder = path.join(parent, NAME);
  for (const name of ['bin', 'app', 'dawn', 'lib', 'vulkan']) {
    fs.mkdirSync(path.join(folder, name), { recursive: true });
  }
  await buildPrograms(path.join(folder, 'app'));
  copyNode(path.join(folder, 'bin/node'));
  fs.copyFileSync(dawn, path.join(folder, 'dawn/dawn.node'));
  LIBRARIES.forEach((name) => copyLibrary(name, path.join(folder, 'lib')));
  copyLibrary(VULKAN, path.join(folder, 'vulkan'));
  fs.writeFileSync(path.join(folder, 'vulkan/nvidia_icd.json'), JSON.stringify(NVIDIA));
  fs.writeFileSync(path.join(folder, NAME), START, { mode: 0o755 });
  fs.writeFileSync(path.join(folder, 'README.txt'), README);
  const out = path.join(root, 'out/gpu');
  fs.mkdirSync(out, { recursive: true });
  const archive = path.join(out, `${NAME}-linux-x64.tar.gz`);
  execFileSync('tar', ['-C', parent, '-I', 'gzip -9', '-cf', archive, NAME]);
  const { size } = fs.statSync(archive);
  say(`${path.relative(root, archive)}: ${(size / 1e6).toFixed(1)} MB`);
  if (size > LIMIT) throw new Error(`it may have ${LIMIT / 1e6} MB at most`);
  if (options.folder !== undefined) {
    fs.cpSync(folder, path.resolve(options.folder), { recursive: true });
  }
} finally {
  fs.rmSync(parent, { recursive: true });
}
