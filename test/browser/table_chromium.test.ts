/** The shared tests in Chromium, and whether all of them can be bundled for a page. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

import { bundleTests } from './bundle';
import { FILES } from './table';
import { declareTable } from './table_tests';

// Only `--all` runs them all: what needs too much of Node would be found out there alone.
test('all shared tests are made of what a page has', async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-tests-'));
  try {
    await bundleTests(FILES, folder);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
});

declareTable('Chromium');
