/** The shared tests in pages and workers of real browsers, each file in a page of its own. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

import { HAVE_GOLDENS } from '../support/goldens';
import { BROWSERS, launch, PLACES, type TestBrowser } from './browsers';
import { bundleTests } from './bundle';
import { openTestPage } from './pages';
import { type PageServer, servePage } from './server';
import { FILES, tableOf, titleOf } from './table';

const TABLE = tableOf(process.env.REVCOL_BROWSER === 'all', BROWSERS);

// `announce.ts` says what is missing.
const isHere = (name: (typeof BROWSERS)[number]) => HAVE_GOLDENS && PLACES[name] !== undefined;
// Only `--all` runs them all: what needs too much of Node would be found out there alone.
test('all shared tests are made of what a page has', async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-tests-'));
  try {
    await bundleTests(FILES, folder);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
});

const describeAny = BROWSERS.some(isHere) ? describe : describe.skip;

describeAny('the shared tests', () => {
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

  for (const { environment, files } of TABLE) {
    const describeRow = isHere(environment.browser) ? describe : describe.skip;

    describeRow(titleOf(environment), () => {
      let browser: TestBrowser;

      beforeAll(async () => {
        browser = await launch(environment.browser);
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
