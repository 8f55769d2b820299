/**
 * Takes pictures of the running page for `film.py`, which makes the animated one of the README: digits that are
 * known at once, then four columns that are trained from scratch and looked at while they learn.
 *
 *   npx tsx demo/film.ts out/film && python3 demo/film.py out/film docs/assets/demo.gif
 */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

import { launchChromium } from '../test/browser/chromium';
import { buildDemo } from './build';
import { serveFolder } from './serve';

/** Length of the training; pictures of it are taken after so many steps each. */
const [EPOCHS, EVERY_STEPS] = [3, 6];

const [out = 'out/film'] = process.argv.slice(2);
fs.rmSync(out, { recursive: true, force: true });
fs.mkdirSync(out, { recursive: true });
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-film-'));
await buildDemo(folder);
const server = await serveFolder(folder, 0);
const browser = await launchChromium();
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 1240 } });
  page.setDefaultTimeout(600_000);
  let count = 0;
  const shoot = async () => {
    const name = `${String(count++).padStart(3, '0')}.png`;
    await page.screenshot({ path: path.join(out, name) });
  };
  await page.goto(`${server.url}#epochs=${EPOCHS}`);
  await page.locator('#look-columns li').first().waitFor();
  // The curves of memory by columns.
  await page.locator('#by-columns[aria-label*="32"]').waitFor();
  await shoot();
  await page.locator('#grid button').nth(3).click();
  await page.locator('#look-name', { hasText: '3' }).waitFor();
  await page.waitForTimeout(1000);
  await shoot();
  await page.locator('#columns').fill('4');
  await page.waitForTimeout(500);
  await shoot();
  await page.click('#go');
  await page.locator('#go', { hasText: 'Pause' }).waitFor();
  const isTraining = async () => (await page.innerText('#go')) === 'Pause';
  // The page's policy lets no test put functions into it that wait there.
  const stepOf = async () =>
    Number(/^Step (\d+)/.exec(await page.innerText('#learning-text'))?.[1] ?? 0);
  for (let step = EVERY_STEPS; await isTraining(); step += EVERY_STEPS) {
    while ((await isTraining()) && (await stepOf()) < step) await page.waitForTimeout(50);
    await shoot();
  }
  console.log(`${count} pictures in ${out}: ${await page.innerText('#status')}`);
} finally {
  await browser.close();
  await server.close();
  fs.rmSync(folder, { recursive: true, force: true });
}
