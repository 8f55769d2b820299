/** Opens pages and workers that run the shared tests. */
import type { Browser, Page } from 'playwright-core';

import type { Environment } from './in_page/environment';
import type { Calls, FileResult } from './in_page/run_tests';

/** A page, or a page with a worker, whose backend has started. */
export interface TestPage {
  runFile(file: string): Promise<FileResult>;
  close(): Promise<void>;
}

/** Opens what `bundleTests` made, served at `url`. */
export async function openTestPage(
  browser: Browser,
  url: string,
  environment: Environment,
): Promise<TestPage> {
  const page = await browser.newPage();
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(error.message));
  await page.addInitScript(`window.name = ${JSON.stringify(JSON.stringify(environment))}`);
  await page.goto(url);
  await page.waitForFunction('globalThis.runFile !== undefined').catch((cause: unknown) => {
    throw new Error(`the tests did not load: ${errors.join('; ')}`, { cause });
  });
  const started = await call(page, 'start', '');
  if (started !== environment.backend) throw new Error(`${started} started`);
  return {
    runFile: (file) => call(page, 'runFile', file),
    close: () => page.close(),
  };
}

/** What a call in the page comes to. */
type Answer<Name extends keyof Calls> = Awaited<ReturnType<Calls[Name]>>;

async function call<Name extends keyof Calls>(
  page: Page,
  name: Name,
  argument: string,
): Promise<Answer<Name>> {
  const code = `globalThis[${JSON.stringify(name)}](${JSON.stringify(argument)})`;
  return page.evaluate<Answer<Name>>(code);
}
