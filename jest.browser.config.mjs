import config from './jest.config.mjs';

/** `npm run test:browser`: what needs a browser, and is no part of `npm test`. */
export default {
  ...config,
  testMatch: ['<rootDir>/test/browser/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/'],
  globalSetup: '<rootDir>/test/browser/announce.ts',
  maxWorkers: 1,
};
