/** @type {import('jest').Config} */
export default {
  testEnvironment: 'node',
  // tfjs looks at its global engine once more when a file's tests are over.
  testEnvironmentOptions: { globalsCleanup: 'off' },
  roots: ['<rootDir>/src', '<rootDir>/test'],
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  // They have a configuration of their own, jest.browser.config.mjs.
  testPathIgnorePatterns: ['/node_modules/', '<rootDir>/test/browser/'],
  moduleNameMapper: {
    '^tfjs-revcol$': '<rootDir>/src/index.ts',
    '^tfjs-revcol/node$': '<rootDir>/src/node.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  transform: {
    '^.+\\.m?ts$': [
      '@swc/jest',
      { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'commonjs' } },
    ],
    '/@jsquash/': '<rootDir>/test/support/jpeg_decoder_transform.cjs',
  },
  transformIgnorePatterns: ['/node_modules/(?!@jsquash/)'],
  maxWorkers: 2,
  testTimeout: 60000,
};
