/**
 * Makes an npm package that holds the library of TensorFlow operations built for this system, in
 * native/build/tfjs-revcol-native-SYSTEM-ARCHITECTURE:
 *
 *   node scripts/prebuild_native.mjs
 *   npm publish native/build/tfjs-revcol-native-linux-x64
 *
 * It runs on systems whose glibc is no older than the one here, which the package's README states: build on
 * the oldest that is to be served. The C++ library is linked in.
 */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const { version, license } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));
const { platform, arch } = process;
const name = `tfjs-revcol-native-${platform}-${arch}`;
const file = `revcol_operations-${platform}-${arch}.node`;
const folder = path.join(root, 'native', 'build', name);

fs.rmSync(folder, { recursive: true, force: true });
fs.mkdirSync(folder, { recursive: true });
execFileSync(
  process.execPath,
  [
    ...['--import', 'tsx', path.join(root, 'src', 'cli', 'main.ts'), 'native'],
    ...['--static', '--out', path.join(folder, file)],
  ],
  { cwd: root, stdio: 'inherit' },
);

/** The newest version of glibc that the library asks for. */
function neededGlibc() {
  const names = fs.readFileSync(path.join(folder, file), 'latin1').match(/GLIBC_\d+\.\d+/g) ?? [];
  const parts = names.map((text) => text.slice('GLIBC_'.length).split('.').map(Number));
  const [newest = [0, 0]] = parts.sort(([a, b], [c, d]) => c - a || d - b);
  return newest.join('.');
}

const glibc = neededGlibc();
const manifest = {
  name,
  version,
  description: `tfjs-revcol's library of TensorFlow operations, built for ${platform} ${arch}`,
  license,
  os: [platform],
  cpu: [arch],
  libc: ['glibc'],
  files: [file],
};
fs.writeFileSync(path.join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
fs.writeFileSync(
  path.join(folder, 'README.md'),
  `# ${name}

The library of TensorFlow operations that makes [tfjs-revcol](https://www.npmjs.com/package/tfjs-revcol)
${version} faster on backend \`tensorflow\`, built for ${platform} ${arch} with glibc ${glibc} or newer. It is
found where it is installed beside tfjs-revcol. \`npx tfjs-revcol native\` builds the same on your own machine.
`,
);
process.stdout.write(`made ${folder}; it needs glibc ${glibc}\n`);
