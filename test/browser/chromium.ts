/** Where the browser for the tests is. */
import * as fs from 'node:fs';
import { chromium } from 'playwright-core';

const PLACES = ['/usr/bin/chromium', '/usr/bin/google-chrome'];

/**
 * `REVCOL_CHROMIUM`, else where Linux distributions put it, else what Playwright downloaded
 * (`npx playwright-core install chromium`); undefined where there is none.
 */
export const CHROMIUM = [process.env.REVCOL_CHROMIUM, ...PLACES, chromium.executablePath()].find(
  (file) => file !== undefined && fs.existsSync(file),
);
