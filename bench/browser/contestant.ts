/**
 * Contestants in a page of Chromium. This process starts the browser, hands over what the suite asks
 * for, and tells the processor time of both.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';

import { launchChromium } from '../../test/browser/chromium';
import { makePage, setHardware } from '../../test/browser/make_page';
import { servePage } from '../../test/browser/server';
import { treeMs } from '../suite/machine';
import type { Task } from '../suite/messages';
import { type Contestant, serve } from '../suite/worker';
import type { PageCalls } from './page';

const HERE = path.dirname(fileURLToPath(import.meta.url));

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
  const folder = await makePage(path.join(HERE, 'page.ts'), { minify: true });
  process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }));
  const server = await servePage(folder);
  const task = servedFrom(folder, server.url, given);
  const browser = await launchChromium();
  const page = await browser.newPage();
  // tfjs's wasm backend starts half as many threads as this says.
  await setHardware(page, 2 * task.threads);
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
