/**
 * Contestants in a page of Chromium. This process starts the browser, hands over what the suite asks
 * for, and tells the processor time of both.
 */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

import { launchChromium } from '../../test/browser/chromium';
import { servePage } from '../../test/browser/server';
import { treeMs } from '../suite/machine';
import type { Task } from '../suite/messages';
import { type Contestant, serve } from '../suite/worker';
import type { PageCalls } from './page';

const HERE = path.dirname(fileURLToPath(import.meta.url));

/** Puts the page into a folder. */
async function makePage(folder: string): Promise<void> {
  await build({
    entryPoints: [path.join(HERE, 'page.ts')],
    bundle: true,
    platform: 'browser',
    format: 'esm',
    splitting: true,
    minify: true,
    outdir: folder,
    logLevel: 'error',
  });
  fs.writeFileSync(
    path.join(folder, 'index.html'),
    '<!doctype html><link rel="icon" href="data:,"><script type="module" src="/page.js"></script>',
  );
}

/** The task as the page reads it: its files have addresses. */
function servedFrom(folder: string, url: string, task: Task): Task {
  const served = (file: string | null) => {
    if (file === null) return null;
    fs.symlinkSync(file, path.join(folder, path.basename(file)));
    return `${url}${path.basename(file)}`;
  };
  return { ...task, weights: served(task.weights), inputs: served(task.inputs) };
}

await serve(async (given): Promise<Contestant> => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-bench-page-'));
  process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }));
  await makePage(folder);
  const server = await servePage(folder);
  const task = servedFrom(folder, server.url, given);
  const browser = await launchChromium();
  const page = await browser.newPage();
  // tfjs's wasm backend starts half as many threads as this says.
  await page.addInitScript(
    `Object.defineProperty(navigator, 'hardwareConcurrency', { get: () => ${2 * task.threads} })`,
  );
  await page.goto(server.url);
  await page.waitForFunction('globalThis.contestant !== undefined');

  function call<Name extends keyof PageCalls>(name: Name, ...args: Parameters<PageCalls[Name]>) {
    const given = args.map((argument) => JSON.stringify(argument)).join(', ');
    type Answer = Awaited<ReturnType<PageCalls[Name]>>;
    return page.evaluate<Answer>(`globalThis.contestant.${name}(${given})`);
  }

  const { versions, parameters, programs } = await call('start', task);
  return {
    versions: { ...versions, Chromium: browser.version(), node: process.version },
    parameters,
    programs: Object.fromEntries(
      programs.map((name) => [
        name,
        async () => {
          await call('run', name, 1);
        },
      ]),
    ),
    time: async (name, times) => {
      const before = treeMs(process.pid);
      const ms = await call('run', name, times);
      return { ms, cpuMs: (treeMs(process.pid) - before) / times };
    },
    count: (name) => call('count', name),
    check: async (file) => fs.writeFileSync(file, Buffer.from(await call('outputs'), 'base64')),
    end: () => browser.close(),
  };
});
