/** The package without a bundler: script tags in a page of a real browser. */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { type Browser, chromium } from 'playwright-core';

import { jsdelivr, unpkg } from '../../package.json';
import { BROWSERS } from './browsers';
import { CHROMIUM } from './chromium';
import { type PageServer, servePage } from './server';

const ROOT = path.resolve(__dirname, '../..');
const OWN = path.basename(unpkg);

/** What tfjs's own packages give for script tags, by the page that has them. */
const TFJS: Record<string, string[]> = {
  '@tensorflow/tfjs': ['tfjs/dist/tf.min.js'],
  'tfjs-core, tfjs-layers and a backend': [
    'tfjs-core/dist/tf-core.min.js',
    'tfjs-layers/dist/tf-layers.min.js',
    'tfjs-backend-cpu/dist/tf-backend-cpu.min.js',
  ],
};

/** Trains in the page, with nothing but the two globals. */
const PROGRAM = `
globalThis.result = (async () => {
  await tf.setBackend('cpu');
  const model = tf.sequential({ layers: [
    revcol.layers.revColBackbone({
      columns: 2, channels: [4, 8], depths: [1, 1], patchSize: 2, inputShape: [8, 8, 3] }),
    revcol.layers.revColHead({ units: 2 }),
  ] });
  model.compile({ optimizer: new revcol.AdamW({ learningRate: 0.01 }), loss: 'meanSquaredError' });
  const { history } = await model.fit(tf.randomNormal([4, 8, 8, 3], 0, 1, "float32", 1), tf.ones([4, 2]), { epochs: 3, verbose: 0 });
  const copy = await tf.loadLayersModel(tf.io.fromMemory(await new Promise((resolve) =>
    model.save(tf.io.withSaveHandler(async (artifacts) => (resolve(artifacts), {}))))));
  return {
    losses: history.loss,
    inOneModel: model.layers[0] instanceof tf.layers.Layer,
    loaded: copy.layers[0] instanceof revcol.RevColBackbone,
  };
})();`;

const isHere = CHROMIUM && BROWSERS.includes('Chromium');
const describeBrowser = isHere ? describe : describe.skip;

describeBrowser('script tags', () => {
  let folder: string;
  let server: PageServer;
  let browser: Browser;

  beforeAll(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-script-'));
    const build = ['--import', 'tsx', 'scripts/script_build.ts', path.join(folder, OWN)];
    execFileSync(process.execPath, build, { cwd: ROOT, encoding: 'utf8' });
    for (const script of Object.values(TFJS).flat()) {
      const from = path.join(ROOT, 'node_modules/@tensorflow', script);
      fs.copyFileSync(from, path.join(folder, path.basename(script)));
    }
    server = await servePage(folder);
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  });

  afterAll(async () => {
    await browser?.close();
    await server?.close();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  /** Opens a page with script tags, and gives what it computed and what went wrong. */
  async function open(scripts: string[]): Promise<{ result: unknown; errors: string[] }> {
    const tags = scripts.map((script) => `<script src="/${path.basename(script)}"></script>`);
    fs.writeFileSync(
      path.join(folder, 'index.html'),
      `<!doctype html><link rel="icon" href="data:,">${tags.join('')}<script>${PROGRAM}</script>`,
    );
    const page = await browser.newPage();
    const errors: string[] = [];
    page.on('pageerror', (error) => errors.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'warning') errors.push(message.text());
    });
    await page.goto(server.url);
    const result: unknown = await page
      .evaluate('globalThis.result')
      .catch((error: unknown) => String(error));
    await page.close();
    return { result, errors };
  }

  test.each(Object.keys(TFJS))('train with the script of %s', async (name) => {
    const { result, errors } = await open([...(TFJS[name] ?? []), OWN]);
    expect(errors).toEqual([]);
    const { losses, ...rest } = result as { losses: number[] };
    expect(losses).toHaveLength(3);
    expect(losses[2]).toBeLessThan(losses[0] as number);
    expect(rest).toEqual({ inOneModel: true, loaded: true });
  });

  test.each([
    ['no global tf;', []],
    ['no global tf.layers;', [TFJS['tfjs-core, tfjs-layers and a backend']?.[0] as string]],
  ])('say that there is %s', async (what, before) => {
    const { errors } = await open([...before, OWN]);
    expect(errors[0]).toContain(`tfjs-revcol: there is ${what} put the script tag of`);
  });

  test('are found by the services that serve packages of npm', () => {
    expect([unpkg, jsdelivr]).toEqual(Array(2).fill('./dist/script/tfjs-revcol.min.js'));
  });
});
