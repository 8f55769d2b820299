/**
 * The build for pages without a bundler: one file for a script tag, which finds TensorFlow.js in the
 * global `tf` and puts the package into the global `revcol`.
 *
 *   node --import tsx scripts/script_build.ts [FILE]    default: dist/script/tfjs-revcol.min.js
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';

import { browserBuild } from './browser_build';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

/** tfjs as its own script tags give it: all packages in one global. */
const tfjsGlobal: Plugin = {
  name: 'tfjs-global',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^@tensorflow\// }, () => ({ path: 'tf', namespace: 'tfjs-global' }));
    onLoad({ filter: /.*/, namespace: 'tfjs-global' }, () => ({
      contents: `
        const { tf } = globalThis;
        if (!tf?.layers) throw new Error(
          'tfjs-revcol: there is no global tf' + (tf ? '.layers' : '') + '; put the script tag of ' +
          '@tensorflow/tfjs (or those of tfjs-core, tfjs-layers and a backend) before this one');
        module.exports = tf;`,
    }));
  },
};

const [outfile = path.join(root, 'dist/script/tfjs-revcol.min.js')] = process.argv.slice(2);
const { entries, plugin } = await browserBuild({ index: path.join(root, 'src/index.ts') });
const { version, license } = JSON.parse(
  fs.readFileSync(path.join(root, 'package.json'), 'utf8'),
) as Record<string, string>;
const { metafile } = await build({
  entryPoints: Object.values(entries),
  outfile,
  bundle: true,
  minify: true,
  format: 'iife',
  globalName: 'revcol',
  target: 'es2022',
  platform: 'browser',
  banner: { js: `/*! tfjs-revcol ${version}, ${license}; licences of parts: dist/LICENSES.txt */` },
  plugins: [tfjsGlobal, plugin],
  metafile: true,
  logLevel: 'error',
});
// For scripts/licenses.mjs.
fs.writeFileSync(path.join(path.dirname(outfile), 'metafile-iife.json'), JSON.stringify(metafile));
