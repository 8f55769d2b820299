/** `doctor()` in pages that are well, and in some where something is forbidden, missing or broken. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import type { Browser } from 'playwright-core';

import { BROWSERS } from './browsers';
import { CHROMIUM, launchChromium } from './chromium';
import type { Examine } from './doctor_page';
import { evaluateInPage, makePage } from './make_page';
import type { PageHeaders } from './server';

const isHere = CHROMIUM && BROWSERS.includes('Chromium');
const describeBrowser = isHere ? describe : describe.skip;

describeBrowser('doctor() in a page', () => {
  let folder: string;
  let browser: Browser;

  beforeAll(async () => {
    folder = await makePage(path.join(__dirname, 'doctor_page.ts'), { modules: false });
    browser = await launchChromium();
  });

  afterAll(async () => {
    await browser?.close();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  /** @param before runs in the page before anything else */
  async function examined(wanted: Parameters<Examine>[0], headers: PageHeaders = {}, before = '') {
    const { text, tensors, report } = await evaluateInPage<Awaited<ReturnType<Examine>>>(
      browser,
      folder,
      `globalThis.examine(${JSON.stringify(wanted)})`,
      { threads: 4, headers, before },
    );
    // Never where in the code.
    expect(text).not.toMatch(/^ {4}at |\.js:\d/m);
    expect(tensors).toBe(0);
    return report;
  }

  const codes = ({ findings }: { findings: { code: string }[] }) =>
    findings.map(({ code }) => code);

  test('webgl and wasm work in an isolated page, with threads', async () => {
    const report = await examined({ backends: ['webgl', 'wasm'] });
    const [webgl, wasm] = report.backends;
    expect([report.verdict, webgl?.state, wasm?.state]).toEqual(['works', 'works', 'works']);
    expect(webgl?.checks.concat(wasm?.checks ?? []).every(({ state }) => state === 'passed')).toBe(
      true,
    );
    expect(webgl?.facts).toMatchObject({ textureBits: 32, webglVersion: 2 });
    expect(webgl && codes(webgl)).toEqual(['software-renderer']);
    expect(wasm?.facts).toMatchObject({
      threads: 1,
      tfjsThreads: 2,
      simd: true,
      kernelForm: 'relaxed SIMD',
    });
    expect(report.facts).toMatchObject({ runtime: 'page', isolated: true });
    expect(report.fastest).toBe('wasm');
  });

  // Minutes, as everything is compiled in software.
  const testLong = process.env.REVCOL_LONG ? test : test.skip;

  testLong('webgpu works', async () => {
    const report = await examined({ backends: ['webgpu'] });
    const [webgpu] = report.backends;
    expect([report.verdict, webgpu?.state]).toEqual(['works', 'works']);
    expect(webgpu?.facts).toMatchObject({ software: true });
    expect(webgpu && codes(webgpu)).toEqual(['software-renderer']);
  });

  const wasm = { backends: ['wasm'] };
  const webgl = { backends: ['webgl'] };

  test.each([
    ['the page is not isolated', wasm, { isolated: false }, '', 'works', 'one-thread'],
    [
      'a policy forbids WebAssembly',
      wasm,
      { isolated: false, policy: "script-src 'self' 'unsafe-inline'" },
      '',
      'fails',
      'wasm-forbidden',
    ],
    [
      'the files of wasm are elsewhere',
      { ...wasm, wasmPath: '/nowhere/' },
      {},
      '',
      'fails',
      'wasm-files',
    ],
    [
      'there is no adapter',
      { backends: ['webgpu'] },
      {},
      'navigator.gpu.requestAdapter = async () => null;',
      'fails',
      'no-adapter',
    ],
    [
      'the browser gives no webgl',
      webgl,
      {},
      `for (const c of [HTMLCanvasElement, OffscreenCanvas]) c.prototype.getContext = () => null;`,
      'fails',
      'no-webgl',
    ],
    [
      'the context is lost in the middle',
      { ...webgl, loseAt: 'checking stored gradients of an image network' },
      {},
      '',
      'fails',
      'device-lost',
    ],
    [
      'the driver gives zeros',
      webgl,
      {},
      `WebGL2RenderingContext.prototype.readPixels = () => undefined;
       WebGL2RenderingContext.prototype.getBufferSubData = () => undefined;`,
      'wrong',
      'zeros',
    ],
  ] as const)('%s', async (_, wanted, headers, before, state, code) => {
    const report = await examined({ ...wanted, backends: [...wanted.backends] }, headers, before);
    const [backend] = report.backends;
    expect([backend?.state, backend && codes(backend)]).toEqual([
      state,
      expect.arrayContaining([code]),
    ]);
    expect(report.verdict).toBe(state === 'works' ? 'works' : 'ill');
  });
});
