/** Which headers of a page let which backend start: what docs/browser.md says. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import type { Browser } from 'playwright-core';

import { BROWSERS } from './browsers';
import { CHROMIUM, launchChromium } from './chromium';
import { evaluateInPage, makePage } from './make_page';
import type { Train } from './policy_page';
import type { PageHeaders } from './server';

const isHere = CHROMIUM && BROWSERS.includes('Chromium');
const describeBrowser = isHere ? describe : describe.skip;

interface Case extends PageHeaders {
  backend: string;
  /** Of the hardware; wasm takes half of them. */
  hardware?: number;
  flags?: Record<string, boolean>;
}

describeBrowser('a page with the headers of docs/browser.md', () => {
  let folder: string;
  let browser: Browser;

  beforeAll(async () => {
    folder = await makePage(path.join(__dirname, 'policy_page.ts'), { modules: false });
    browser = await launchChromium();
  });

  afterAll(async () => {
    await browser?.close();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  function train({ backend, hardware: threads = 8, flags = {}, ...headers }: Case) {
    const call = `globalThis.train(${JSON.stringify(backend)}, ${JSON.stringify(flags)})`;
    return evaluateInPage<Awaited<ReturnType<Train>>>(browser, folder, call, { threads, headers });
  }

  const trained = (threads: number | null, own = 1) => {
    return { loss: expect.any(Number) as number, threads, own };
  };

  test('wasm needs wasm-unsafe-eval', async () => {
    const policy = "script-src 'self' 'wasm-unsafe-eval'";
    const page = { backend: 'wasm', isolated: false };
    expect(await train({ ...page, policy })).toEqual(trained(1));
    expect(await train({ ...page, policy: "script-src 'self'" })).toBeNull();
  });

  test.each(['webgl', 'webgpu'])('%s needs nothing', async (backend) => {
    const policy = "default-src 'self'";
    expect(await train({ backend, isolated: false, policy })).toEqual(trained(null));
  });

  test('threads need isolation, and blob: for scripts and workers', async () => {
    const policy = "script-src 'self' 'wasm-unsafe-eval' blob:; worker-src 'self' blob:";
    const page = { backend: 'wasm', policy, hardware: 4 };
    expect(await train({ ...page, isolated: true })).toEqual(trained(2, 2));
    expect(await train({ ...page, isolated: false })).toEqual(trained(1));
    expect(await train({ ...page, isolated: true, hardware: 2 })).toEqual(trained(1, 2));
  });

  test('without blob: an isolated page starts wasm once its threads are switched off', async () => {
    const policy = "script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'";
    const flags = { WASM_HAS_MULTITHREAD_SUPPORT: false };
    const result = await train({ backend: 'wasm', isolated: true, hardware: 4, policy, flags });
    // The package's own find out only when they start, and leave the work to the page.
    expect(result).toEqual(trained(1, 2));
  });

  test('wasm files of another type work where their folder is named', async () => {
    const page = { backend: 'wasm', isolated: false, wasmType: 'application/octet-stream' };
    expect(await train(page)).toEqual(trained(1));
  });
});
