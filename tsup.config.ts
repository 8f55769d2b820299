import * as fs from 'node:fs';
import * as path from 'node:path';
import { defineConfig, type Options } from 'tsup';

import { browserBuild } from './scripts/browser_build';

const shared: Options = { target: 'es2022', sourcemap: true, treeshake: true, metafile: true };

const entry: Record<string, string> = {
  index: 'src/index.ts',
  ...Object.fromEntries(
    fs.readdirSync('src/entries').map((file) => [path.parse(file).name, `src/entries/${file}`]),
  ),
};
const browser = await browserBuild(
  Object.fromEntries(Object.entries(entry).filter(([name]) => name !== 'node')),
);

export default defineConfig([
  {
    ...shared,
    entry,
    esbuildPlugins: [browser.plugin],
    esbuildOptions(options, { format }) {
      // CommonJS knows its file by a path.
      if (format === 'cjs') options.define = { ...options.define, 'import.meta.url': '__filename' };
      const more = Object.entries(browser.entries).map(([name, file]) => [`browser/${name}`, file]);
      options.entryPoints = { ...entry, ...(Object.fromEntries(more) as typeof entry) };
    },
    // Lists of names that two entries share become chunks without code, and tsup warns of each.
    silent: true,
    format: ['esm', 'cjs'],
    // Of a bundled library the form for browsers, which Node runs as well.
    platform: 'browser',
    external: [/^node:/],
    dts: { entry },
    clean: ['*', 'browser/*'],
    splitting: true,
  },
  {
    // A bundle of its own: none of the command line's libraries may get into the others. The threads that
    // decode pictures for `tfjs-revcol/node` share its decoders.
    ...shared,
    entry: {
      main: 'src/cli/main.ts',
      doctor_child: 'src/cli/doctor/child.ts',
      image_worker: 'src/pictures/image_worker.ts',
    },
    outDir: 'dist/cli',
    format: 'esm',
    platform: 'node',
    sourcemap: false,
    clean: true,
    loader: { '.wasm': 'binary' },
    // Some of those libraries are CommonJS and require Node's modules.
    banner: {
      js: "import { createRequire as requireOf } from 'node:module';\nconst require = requireOf(import.meta.url);",
    },
  },
]);
