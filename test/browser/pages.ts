/** Opens pages and workers that run the shared tests. */
import type { Tab, TestBrowser } from './browsers';
import type { Environment } from './in_page/environment';
import type { Calls, FileResult } from './in_page/run_tests';

/** A page, or a page with a worker, whose backend has started. */
export interface TestPage {
  runFile(file: string): Promise<FileResult>;
  close(): Promise<void>;
}

/** Opens what `bundleTests` made, served at `url`. */
export async function openTestPage(
  browser: TestBrowser,
  url: string,
  environment: Environment,
): Promise<TestPage> {
  const tab = await browser.newTab();
  const errors: string[] = [];
  tab.onError((message) => errors.push(message));
  await tab.before(`window.name = ${JSON.stringify(JSON.stringify(environment))}`);
  await tab.open(url);
  await tab.waitFor('globalThis.runFile !== undefined').catch((cause: unknown) => {
    throw new Error(`the tests did not load: ${errors.join('; ')}`, { cause });
  });
  const started = await call(tab, 'start', '');
  if (started !== environment.backend) throw new Error(`${started} started`);
  return {
    runFile: (file) => call(tab, 'runFile', file),
    close: () => tab.close(),
  };
}

/** What a call in the page comes to. */
type Answer<Name extends keyof Calls> = Awaited<ReturnType<Calls[Name]>>;

async function call<Name extends keyof Calls>(
  tab: Tab,
  name: Name,
  argument: string,
): Promise<Answer<Name>> {
  const code = `globalThis[${JSON.stringify(name)}](${JSON.stringify(argument)})`;
  return tab.evaluate<Answer<Name>>(code);
}
