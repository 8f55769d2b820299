/** Bundles the shared tests for a page: one script, which a classic worker can run as well. */
import * as fs from 'node:fs';
import { builtinModules } from 'node:module';
import * as path from 'node:path';
import { build, type Plugin } from 'esbuild';

const TESTS = path.resolve(import.meta.dirname, '..');
const IN_PAGE = path.join(import.meta.dirname, 'in_page');
const NODE = path.join(IN_PAGE, 'node.ts');

/** Passed by tests where they read a tensor synchronously, which only they may. */
const BY_A_TEST = "'by a test'";

/** What Jest's runner imports and a page needs nothing of: snapshots and the disk. */
const UNUSED = /^(jest-snapshot|graceful-fs)$/;

const inPage: Plugin = {
  name: 'revcol-in-page',
  setup({ onResolve, onLoad }) {
    const builtin = new Set(builtinModules.flatMap((name) => [name, `node:${name}`]));
    onResolve({ filter: /.*/ }, ({ path: name, importer }) => {
      if (name === './available') return { path: path.join(IN_PAGE, 'available.ts') };
      if (!builtin.has(name)) return undefined;
      const own = importer.startsWith(TESTS) && !/^node:(fs|path|module)$/.test(name);
      // A test that needs more of Node belongs into the list of `table.ts`.
      if (own) return { errors: [{ text: `${name} is not there in a page` }] };
      return { path: NODE };
    });
    onResolve({ filter: UNUSED }, ({ path: name }) => ({ path: name, namespace: 'unused' }));
    onLoad({ filter: /.*/, namespace: 'unused' }, () => ({ contents: 'module.exports = {};' }));
    onResolve({ filter: /^@jest\/expect$/ }, ({ path: name }) => ({
      path: name,
      namespace: 'expect',
    }));
    onLoad({ filter: /.*/, namespace: 'expect' }, () => ({
      contents: `module.exports = { jestExpect: require('expect').expect };`,
      resolveDir: IN_PAGE,
    }));
    // Tests may read synchronously, and read files beside them.
    onLoad({ filter: /\.ts$/ }, ({ path: file }) => {
      if (!file.startsWith(TESTS)) return undefined;
      const folder = `/test/${path.relative(TESTS, path.dirname(file))}`;
      const source = fs.readFileSync(file, 'utf8');
      // Nothing imports it, so that only running the test would tell.
      if (file.endsWith('.test.ts') && /\bBuffer\b/.test(source)) {
        return { errors: [{ text: `${file} uses Buffer, which is not there in a page` }] };
      }
      const contents = source
        .replace(/\.(dataSync|arraySync|bufferSync)\(\)/g, `.$1(${BY_A_TEST})`)
        .replaceAll('import.meta.dirname', JSON.stringify(folder));
      return { contents, loader: 'ts' };
    });
  },
};

/** Bundles `files`, named by their paths below `test` without `.test.ts`, into `tests.js` of `folder`. */
export async function bundleTests(files: readonly string[], folder: string): Promise<void> {
  const rows = files.map(
    (file) => `${JSON.stringify(file)}: () => require(${JSON.stringify(path.join(TESTS, file))}),`,
  );
  const table: Plugin = {
    name: 'revcol-files',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^revcol:files$/ }, ({ path: name }) => ({
        path: name,
        namespace: 'files',
      }));
      onLoad({ filter: /.*/, namespace: 'files' }, () => ({
        contents: `export const FILES = {\n${rows.join('\n').replaceAll('")', '.test.ts")')}\n};`,
        resolveDir: IN_PAGE,
      }));
    },
  };
  await build({
    entryPoints: {
      tests: path.join(IN_PAGE, 'run_tests.ts'),
      open: path.join(IN_PAGE, 'open.ts'),
    },
    bundle: true,
    platform: 'browser',
    format: 'iife',
    target: 'es2022',
    // One copy of tfjs, whether it is imported or required.
    mainFields: ['browser', 'module', 'main'],
    outdir: folder,
    define: { global: 'globalThis', __dirname: '"/"', 'require.resolve': 'String', BY_A_TEST },
    inject: [path.join(IN_PAGE, 'process.ts')],
    plugins: [table, inPage],
    logLevel: 'error',
  });
  fs.writeFileSync(
    path.join(folder, 'index.html'),
    '<!doctype html><link rel="icon" href="data:,"><head><script src="/open.js"></script></head>',
  );
}
