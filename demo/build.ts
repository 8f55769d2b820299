/** Builds the page into a folder that any server of files can publish. */
import * as fs from 'node:fs';
import { createRequire } from 'node:module';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';

import { digits, fashion } from './pictures';
import { SHIPPED } from './src/shared/network';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const fromHere = createRequire(import.meta.url);

/** Where a module has a form for browsers beside it, that one is taken. */
const browserForms: Plugin = {
  name: 'browser-forms',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\.?\// }, ({ path: name, resolveDir }) => {
      const file = path.resolve(resolveDir, `${name}.browser.ts`);
      return fs.existsSync(file) ? { path: file } : undefined;
    });
  },
};

/** Builds the page into `folder`, which is made anew. */
export async function buildDemo(folder: string): Promise<void> {
  fs.rmSync(folder, { recursive: true, force: true });
  await build({
    entryPoints: {
      page: path.join(HERE, 'src/page/main.ts'),
      worker: path.join(HERE, 'src/worker/worker.ts'),
      planner: path.join(HERE, 'src/planner/planner.ts'),
      doctor: path.join(HERE, 'src/doctor/doctor.ts'),
      text_worker: path.join(HERE, 'src/text/text_worker.ts'),
      style: path.join(HERE, 'style.css'),
    },
    bundle: true,
    splitting: true,
    format: 'esm',
    minify: true,
    target: 'es2022',
    platform: 'browser',
    mainFields: ['browser', 'module', 'main'],
    outdir: folder,
    plugins: [browserForms],
    logLevel: 'error',
  });
  fs.copyFileSync(path.join(HERE, 'index.html'), path.join(folder, 'index.html'));
  fs.writeFileSync(path.join(folder, 'digits.bin'), digits());
  fs.writeFileSync(path.join(folder, 'fashion.bin'), fashion());
  fs.copyFileSync(path.join(HERE, 'texts/declaration.txt'), path.join(folder, 'declaration.txt'));
  fs.mkdirSync(path.join(folder, 'weights'));
  const shipped = [...new Set(Object.values(SHIPPED))].map((name) => `revcol_femto.${name}`);
  for (const name of [...shipped, 'revcol_text_femto.languages']) {
    const file = `weights/${name}.safetensors`;
    fs.copyFileSync(path.join(HERE, '..', file), path.join(folder, file));
  }
  const wasm = path.dirname(fromHere.resolve('@tensorflow/tfjs-backend-wasm'));
  fs.mkdirSync(path.join(folder, 'wasm'));
  for (const file of fs.readdirSync(wasm).filter((name) => name.endsWith('.wasm'))) {
    fs.copyFileSync(path.join(wasm, file), path.join(folder, 'wasm', file));
  }
}
