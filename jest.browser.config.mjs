import config from './jest.config.mjs';

// Jest knows `--all` as well; here it is the whole table instead of what every run has.
const isWhole = process.argv.includes('--all');
if (isWhole) process.env.REVCOL_BROWSER = 'all';

/** `npm run test:browser`: what needs a browser, and is no part of `npm test`. */
export default {
  ...config,
  // Those in `in_page` run in the page.
  testMatch: ['<rootDir>/test/browser/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/'],
  globalSetup: '<rootDir>/test/browser/announce.ts',
  // The whole table takes hours: two browsers side by side.
  maxWorkers: isWhole ? 2 : 1,
  ...(isWhole ? { reporters: ['default', '<rootDir>/test/browser/progress.mjs'] } : {}),
  // A whole file of tests in a software renderer.
  testTimeout: 3600000,
};
