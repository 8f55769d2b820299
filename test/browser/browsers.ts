/** The browsers of the tests, behind what tests need of them. */
import type { Browser } from 'playwright-core';
import type { Browser as PuppeteerBrowser } from 'puppeteer-core';

import { CHROMIUM, launchChromium } from './chromium';
import { FIREFOX, launchFirefox } from './firefox';
import type { Environment } from './in_page/environment';

type Name = Environment['browser'];

/** A page. */
export interface Tab {
  /** Runs code in what is opened, before anything else there. */
  before(code: string): Promise<unknown>;
  open(url: string): Promise<unknown>;
  /** Waits until an expression is true. */
  waitFor(expression: string): Promise<unknown>;
  /** What an expression comes to; waited for where it is a promise. */
  evaluate<T>(expression: string): Promise<T>;
  /** Tells of errors that nothing in the page catches. */
  onError(listener: (message: string) => void): void;
  close(): Promise<void>;
}

/** A browser that has started. */
export interface TestBrowser {
  newTab(): Promise<Tab>;
  close(): Promise<void>;
}

function chromiumOf(browser: Browser): TestBrowser {
  return {
    newTab: async () => {
      const page = await browser.newPage();
      return {
        before: (code) => page.addInitScript(code),
        open: (url) => page.goto(url),
        waitFor: (expression) => page.waitForFunction(expression),
        evaluate: <T>(expression: string) => page.evaluate<T>(expression),
        onError: (listener) => void page.on('pageerror', ({ message }) => listener(message)),
        close: () => page.close(),
      };
    },
    close: () => browser.close(),
  };
}

function firefoxOf(browser: PuppeteerBrowser): TestBrowser {
  return {
    newTab: async () => {
      const page = await browser.newPage();
      return {
        before: (code) => page.evaluateOnNewDocument(code),
        open: (url) => page.goto(url),
        waitFor: (expression) => page.waitForFunction(expression),
        evaluate: <T>(expression: string) => page.evaluate(expression) as Promise<T>,
        onError: (listener) =>
          void page.on('pageerror', (error) =>
            listener(error instanceof Error ? error.message : String(error)),
          ),
        close: () => page.close(),
      };
    },
    close: () => browser.close(),
  };
}

/** Where each browser is; undefined where it is not. */
export const PLACES: Readonly<Record<Name, string | undefined>> = {
  Chromium: CHROMIUM,
  Firefox: FIREFOX,
};

/** Reads `REVCOL_BROWSERS`; a name that is not known must not quietly test nothing. */
function chosen(list: string | undefined): readonly Name[] {
  const known = Object.keys(PLACES) as Name[];
  if (!list) return known;
  const names = list.split(',').map((name) => name.trim().toLowerCase());
  const unknown = names.filter((name) => !known.some((one) => one.toLowerCase() === name));
  if (unknown.length > 0) {
    throw new Error(
      `REVCOL_BROWSERS: there is no ${unknown.join(', ')}; expected ${known.join(', ')}`,
    );
  }
  return known.filter((name) => names.includes(name.toLowerCase()));
}

/** Those to test in: all, or what the environment variable `REVCOL_BROWSERS` lists. */
export const BROWSERS = chosen(process.env.REVCOL_BROWSERS);

/** Starts a browser, headless. */
export async function launch(name: Name): Promise<TestBrowser> {
  return name === 'Chromium'
    ? chromiumOf(await launchChromium())
    : firefoxOf(await launchFirefox());
}
