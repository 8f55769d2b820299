import { defineConfig, type Options } from 'tsup';

const shared: Options = { target: 'es2022', sourcemap: true, treeshake: true };

export default defineConfig([
  {
    ...shared,
    entry: {
      index: 'src/index.ts',
      node: 'src/node.ts',
    },
    format: ['esm', 'cjs'],
    dts: true,
    clean: ['*'],
    splitting: true,
  },
  {
    // A bundle of its own: none of the command line's libraries may get into the others.
    ...shared,
    entry: { main: 'src/cli/main.ts' },
    outDir: 'dist/cli',
    format: 'esm',
    platform: 'node',
    sourcemap: false,
    clean: true,
    loader: { '.wasm': 'binary' },
    // Some of those libraries are CommonJS and require Node's modules.
    banner: {
      js: "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);",
    },
  },
]);
