/** The package in a page of a real browser: `npm run test:browser`. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import type { Browser, Page } from 'playwright-core';

import fashion from '../models/fixtures/fashion_pictures.json';
import images from '../pictures/images.json';
import { expectCounts } from '../support/counts_table';
import { HAVE_GOLDENS } from '../support/goldens';
import { BROWSERS } from './browsers';
import { CHROMIUM, launchChromium } from './chromium';
import { makePage, setHardware } from './make_page';
import type { Checks } from './page';
import { type PageServer, servePage } from './server';

// `announce.ts` says what is missing.
const isHere = CHROMIUM && BROWSERS.includes('Chromium') && HAVE_GOLDENS;
const describeBrowser = isHere ? describe : describe.skip;

// tfjs's wasm backend uses half of the hardware threads, when the page is isolated.
describeBrowser.each([
  ['wasm', 1],
  ['wasm', 2],
  ['webgl', 1],
])('in a page, on %s with %d threads', (backend, threads) => {
  let folder: string;
  let server: PageServer;
  let browser: Browser;
  let page: Page;
  const errors: string[] = [];

  beforeAll(async () => {
    folder = await makePage(path.join(__dirname, 'page.ts'));
    server = await servePage(folder);
    browser = await launchChromium();
    page = await browser.newPage();
    await setHardware(page, 2 * threads);
    page.on('pageerror', (error) => errors.push(error.message));
    await page.goto(server.url);
    await page.waitForFunction('globalThis.run !== undefined');
    expect(await run('start', backend)).toBe(backend);
    if (backend === 'wasm') expect(await run('threads')).toBe(threads);
  });

  afterAll(async () => {
    await browser?.close();
    await server?.close();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  afterEach(() => {
    expect(errors).toEqual([]);
  });

  /** Runs a check in the page; it may leave no tensor behind. */
  async function run<Name extends keyof Checks>(name: Name, argument = '') {
    type Result = Awaited<ReturnType<Checks[Name]>>;
    const call = `globalThis.run(${JSON.stringify(name)}, ${JSON.stringify(argument)})`;
    const { result, moreTensors } = (await page.evaluate(call)) as {
      result: Result;
      moreTensors: number;
    };
    expect({ name, moreTensors }).toEqual({ name, moreTensors: 0 });
    return result;
  }

  test.each(['reversible', 'stored'])(
    'outputs and %s gradients are the golden ones',
    async (mode) => {
      server.requests.length = 0;
      const { loaded, count, forward, worst, lossError } = await run('golden', mode);
      expect([loaded, count]).toEqual([288, 284]);
      expect(forward).toBeLessThan(1e-5);
      expect(lossError).toBeLessThan(1e-5);
      expect(worst).toBeLessThan(1e-4);
      // The checkpoint came by ranges.
      const asked = server.requests.filter((request) => request.startsWith('/goldens/plain.pth '));
      expect(asked.some((request) => / bytes=\d+-\d+$/.test(request))).toBe(true);
    },
  );

  test('a checkpoint that the user picked as a file', async () => {
    const { loaded, forward } = await run('blob');
    expect(loaded).toBe(288);
    expect(forward).toBeLessThan(1e-5);
  });

  test('published weights are downloaded once', async () => {
    server.requests.length = 0;
    const [first, second] = await run('pretrained');
    expect(first).toBeLessThan(1e-5);
    expect(second).toBe(first);
    const asked = server.requests.filter((request) => request.startsWith('/goldens/mirror/'));
    expect(asked).toEqual(['/goldens/mirror/revcol_large_22k.pth -']);
  });

  test('weights of the package, served beside the page', async () => {
    server.requests.length = 0;
    expect(await run('packaged')).toEqual(fashion.pictures.map(({ label }) => label));
    const asked = server.requests.filter((request) => request.startsWith('/weights/'));
    expect(asked).toEqual(['/weights/revcol_femto.fashion.safetensors -']);
  });

  test('a checkpoint converted in the page loads as a tfjs model', async () => {
    const { forward, files } = await run('convert');
    expect(forward).toBeLessThan(1e-5);
    expect(files).toBeGreaterThan(3);
  });

  test.each(['image', 'tokens'])('counts of a network: %s', async (network) => {
    expectCounts(network, backend, await run('counts', network));
  });

  test('pixels of an image are those of the file', async () => {
    const { file, rgb } = images.files.png;
    const { shape, rgba } = await run('pixels', file);
    expect(shape).toEqual([1, 224, 224, 3]);
    expect(Buffer.from(rgba.filter((_, i) => i % 4 !== 3))).toEqual(Buffer.from(rgb, 'base64'));
  });
});
