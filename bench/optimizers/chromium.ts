/**
 * Training steps of a model in headless Chromium, on wasm: whether they run, the exact peak of tensors, and
 * how large WebAssembly's memory has become.
 *
 *   npx tsx bench/optimizers/chromium.ts --model revcol_large --optimizer adamw8bit+fused --steps 2
 */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';

import { launchChromium } from '../../test/browser/chromium';
import { servePage } from '../../test/browser/server';
import { ROOT } from '../suite/contestants';
import type { PageCase, PageResult } from './chromium_page';
import { keep } from './kept';
import { megabytes } from './support';

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'revcol_large' },
    optimizer: { type: 'string', default: 'adamw8bit+fused' },
    batch: { type: 'string', default: '1' },
    side: { type: 'string', default: '224' },
    steps: { type: 'string', default: '2' },
  },
});

const given: PageCase = {
  model: values.model,
  optimizer: values.optimizer,
  batch: Number(values.batch),
  side: Number(values.side),
  steps: Number(values.steps),
};

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-chromium-'));
try {
  await build({
    entryPoints: { page: path.join(import.meta.dirname, 'chromium_page.ts') },
    bundle: true,
    platform: 'browser',
    format: 'iife',
    target: 'es2022',
    mainFields: ['browser', 'module', 'main'],
    outdir: folder,
    define: { global: 'globalThis' },
    tsconfig: path.join(ROOT, 'tsconfig.json'),
    alias: { 'tfjs-revcol': path.join(ROOT, 'src/index.ts') },
    logLevel: 'error',
  });
  fs.writeFileSync(
    path.join(folder, 'index.html'),
    '<!doctype html><link rel="icon" href="data:,"><head><script src="/page.js"></script></head>',
  );
  const server = await servePage(folder);
  const browser = await launchChromium();
  try {
    const page = await browser.newPage();
    // A page that runs out of memory ends without a word.
    const crashed = new Promise<never>((_, reject) =>
      page.on('crash', () => reject(new Error('the page has crashed'))),
    );
    page.on('pageerror', (error) => console.error(error.message));
    await page.goto(server.url);
    const code = `globalThis.measure(${JSON.stringify(given)})`;
    const result = await Promise.race([page.evaluate<PageResult>(code), crashed]);
    const kept = { ...result, browser: `Chromium ${browser.version()}` };
    keep('chromium', given, kept);
    console.log(
      `${given.model}, ${given.optimizer}, batch ${given.batch}, ${kept.browser}: peak ` +
        `${megabytes(kept.peakBytes)} MB, between steps ${megabytes(kept.restingBytes)} MB, memory of ` +
        `WebAssembly ${megabytes(kept.wasmBytes)} MB, steps ${kept.seconds.map((s) => s.toFixed(1)).join(' ')} s, ` +
        `losses ${kept.losses.map((l) => l.toFixed(4)).join(' ')}`,
    );
  } finally {
    await browser.close();
    await server.close();
  }
} finally {
  fs.rmSync(folder, { recursive: true });
}
