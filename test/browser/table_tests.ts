/** The shared tests in pages and workers of a real browser, each file in a page of its own. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

import { HAVE_GOLDENS } from '../support/goldens';
import { BROWSERS, launch, PLACES, type TestBrowser } from './browsers';
import { bundleTests } from './bundle';
import { openTestPage } from './pages';
import { type PageServer, servePage } from './server';
import { tableOf, titleOf } from './table';

/** Declares the tests of one browser's rows: a file of tests for each, so that two can run side by side. */
export function declareTable(name: (typeof BROWSERS)[number]): void {
  const rows = tableOf(process.env.REVCOL_BROWSER === 'all', name);
  // `announce.ts` says what is missing.
  const isHere = HAVE_GOLDENS && BROWSERS.includes(name) && PLACES[name] !== undefined;
  const describeTable = isHere ? describe : describe.skip;

  describeTable('the shared tests', () => {
    let folder: string;
    let server: PageServer;

    beforeAll(async () => {
      folder = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-tests-'));
      await bundleTests([...new Set(rows.flatMap(({ files }) => files))], folder);
      server = await servePage(folder);
    });

    afterAll(async () => {
      await server?.close();
      fs.rmSync(folder, { recursive: true, force: true });
    });

    for (const { environment, files } of rows) {
      describe(titleOf(environment), () => {
        let browser: TestBrowser;

        beforeAll(async () => {
          browser = await launch(name);
        });

        afterAll(() => browser?.close());

        test.each(files)('%s', async (file) => {
          const page = await openTestPage(browser, server.url, environment);
          try {
            const { passed, skipped, failed } = await page.runFile(file);
            expect(failed).toEqual([]);
            // Files about one backend skip their tests on others.
            expect(passed + skipped).toBeGreaterThan(0);
          } finally {
            await page.close();
          }
        });
      });
    }
  });
}
