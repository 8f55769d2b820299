/** The shared tests in pages and workers of a real browser, each file in a page of its own. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import type { Browser } from 'playwright-core';

import { HAVE_GOLDENS } from '../support/goldens';
import { bundleTests } from './bundle';
import { CHROMIUM, launchChromium } from './chromium';
import { openTestPage } from './pages';
import { type PageServer, servePage } from './server';
import { tableOf, titleOf } from './table';

const TABLE = tableOf(process.env.REVCOL_BROWSER === 'all');

// `announce.ts` says what is missing.
const describeBrowser = CHROMIUM && HAVE_GOLDENS ? describe : describe.skip;

describeBrowser('the shared tests', () => {
  let folder: string;
  let server: PageServer;

  beforeAll(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-tests-'));
    await bundleTests([...new Set(TABLE.flatMap(({ files }) => files))], folder);
    server = await servePage(folder);
  });

  afterAll(async () => {
    await server?.close();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  describe.each(TABLE.map((row) => ({ title: titleOf(row.environment), ...row })))(
    '$title',
    ({ environment, files }) => {
      let browser: Browser;

      beforeAll(async () => {
        browser = await launchChromium();
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
    },
  );
});
