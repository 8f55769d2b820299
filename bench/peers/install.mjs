/**
 * Installs what the suite compares with into `.peers`, which git ignores: none of it is a dependency of
 * this package.
 *
 *   npm run bench:peers                            all of them
 *   npm run bench:peers -- pytorch onnxruntime-web some of them
 */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const FOLDER = process.env.REVCOL_PEERS ?? path.join(ROOT, '.peers');
const KNOWN = ['pytorch', 'onnxruntime-node', 'onnxruntime-web'];

const asked = process.argv.slice(2);
const wanted = asked.length > 0 ? asked : KNOWN;
const unknown = wanted.find((name) => !KNOWN.includes(name));
if (unknown) throw new Error(`there is no peer ${unknown}; expected ${KNOWN.join(', ')}`);

const run = (file, ...args) => execFileSync(file, args, { cwd: FOLDER, stdio: 'inherit' });

fs.mkdirSync(FOLDER, { recursive: true });
if (wanted.includes('pytorch')) {
  const python = path.join(FOLDER, 'python/bin/python');
  if (!fs.existsSync(python)) run('python3', '-m', 'venv', path.join(FOLDER, 'python'));
  // onnx and onnxscript write the files that onnxruntime reads.
  run(python, '-m', 'pip', 'install', 'torch', 'numpy', 'safetensors', 'onnx', 'onnxscript');
}
const packages = wanted.filter((name) => name.startsWith('onnxruntime'));
if (packages.length > 0) {
  const manifest = path.join(FOLDER, 'package.json');
  if (!fs.existsSync(manifest)) fs.writeFileSync(manifest, '{ "private": true }\n');
  // Its script would only download CUDA; the library for processors is in the package.
  run('npm', 'install', '--no-audit', '--no-fund', '--ignore-scripts', ...packages);
}
