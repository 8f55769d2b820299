/**
 * Writes dist/LICENSES.txt: the licences of the libraries that the build has bundled, as esbuild's
 * metafiles tell. Removes the metafiles. Fails where a bundled library has no licence text.
 *
 *   node scripts/licenses.mjs    after tsup
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const dist = path.join(root, 'dist');

const metafiles = fs
  .readdirSync(dist, { recursive: true })
  .filter((file) => path.basename(file).startsWith('metafile-'))
  .map((file) => path.join(dist, file));
if (metafiles.length === 0) throw new Error('no metafile in dist: run tsup with metafile: true');

/** Folder of a package, also of one nested in another, from a file in it. */
function packageOf(file) {
  return /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1];
}

const packages = new Set(
  metafiles
    .flatMap((file) => Object.keys(JSON.parse(fs.readFileSync(file, 'utf8')).inputs))
    .map(packageOf)
    .filter((folder) => folder != null),
);

/** Name, version and licence texts of one package, those of parts of it included. */
function notice(folder) {
  const { name, version, license } = JSON.parse(
    fs.readFileSync(path.join(root, folder, 'package.json'), 'utf8'),
  );
  const texts = fs
    .readdirSync(path.join(root, folder), { recursive: true })
    .filter((file) => /^(licen[cs]e|copying)/i.test(path.basename(file)))
    .filter((file) => !file.includes('node_modules'))
    .filter((file) => fs.statSync(path.join(root, folder, file)).isFile())
    .map((file) => fs.readFileSync(path.join(root, folder, file), 'utf8').trim());
  // Its text is this package's own licence.
  if (texts.length === 0 && license === 'Apache-2.0') texts.push('See the file LICENSE.');
  if (texts.length === 0) {
    throw new Error(`${folder} is bundled but carries no licence text (${license})`);
  }
  return `${name} ${version} (${license})\n\n${texts.join('\n\n')}\n`;
}

const notices = [...packages].sort().map(notice);
fs.writeFileSync(
  path.join(dist, 'LICENSES.txt'),
  `Libraries that are part of this package's files, and their licences.\n\n` +
    notices.join(`\n${'-'.repeat(80)}\n\n`),
);
metafiles.forEach((file) => fs.rmSync(file));
