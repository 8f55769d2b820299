/** Makes pages of scripts of our own, and opens them. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { build } from 'esbuild';
import type { Browser, Page } from 'playwright-core';

import { type PageHeaders, servePage } from './server';

export interface PageForm {
  /** As modules in several files, or one classic script; modules by default. */
  modules?: boolean;
  minify?: boolean;
}

/**
 * Bundles a script and makes a page of it.
 *
 * @param script a TypeScript file
 * @returns the folder to serve, which is the caller's to remove
 */
export async function makePage(
  script: string,
  { modules = true, minify = false }: PageForm = {},
): Promise<string> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-page-'));
  await build({
    entryPoints: { page: script },
    bundle: true,
    platform: 'browser',
    ...(modules ? { format: 'esm', splitting: true } : {}),
    minify,
    outdir: folder,
    logLevel: 'error',
  });
  fs.writeFileSync(
    path.join(folder, 'index.html'),
    '<!doctype html><link rel="icon" href="data:,">' +
      `<script ${modules ? 'type="module" ' : ''}src="/page.js"></script>`,
  );
  return folder;
}

/** Lets a page see so many hardware threads; tfjs's wasm backend uses half of them, when the page is isolated. */
export function setHardware(page: Page, threads: number): Promise<unknown> {
  return page.addInitScript(
    `Object.defineProperty(navigator, 'hardwareConcurrency', { get: () => ${threads} });`,
  );
}

/**
 * Evaluates code in a page that is opened for it, and closed.
 *
 * @param folder what `makePage` gave
 * @param before runs in the page before anything else
 */
export async function evaluateInPage<T>(
  browser: Browser,
  folder: string,
  code: string,
  { threads, headers, before = '' }: { threads: number; headers: PageHeaders; before?: string },
): Promise<T> {
  const server = await servePage(folder, headers);
  const page = await browser.newPage();
  try {
    await setHardware(page, threads);
    await page.addInitScript(before);
    await page.goto(server.url);
    return await page.evaluate<T>(code);
  } finally {
    await page.close();
    await server.close();
  }
}
