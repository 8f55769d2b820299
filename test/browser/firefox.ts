/** Where Firefox is, and how it starts: Puppeteer drives it over WebDriver BiDi. */
import * as fs from 'node:fs';
import puppeteer, { type Browser } from 'puppeteer-core';

const PLACES = ['/usr/bin/firefox-esr', '/usr/bin/firefox'];

/**
 * `REVCOL_FIREFOX`, else where Linux distributions put it (Debian: `apt-get install firefox-esr`);
 * undefined where there is none.
 */
export const FIREFOX = [process.env.REVCOL_FIREFOX, ...PLACES].find(
  (file) => file !== undefined && fs.existsSync(file),
);

/**
 * Without a GPU, webgl runs in software, by Mesa's llvmpipe (Debian: `libgl1-mesa-dri`), which Firefox must
 * be asked for; without an X server it gets there through EGL only.
 */
const PREFERENCES = { 'webgl.force-enabled': true };
const VARIABLES = { MOZ_WEBGL_FORCE_EGL: '1' };

/** Starts it, headless. */
export function launchFirefox(): Promise<Browser> {
  return puppeteer.launch({
    browser: 'firefox',
    executablePath: FIREFOX,
    headless: true,
    extraPrefsFirefox: PREFERENCES,
    env: { ...process.env, ...VARIABLES },
    // A call lasts as long as a whole file of tests.
    protocolTimeout: 0,
  });
}
