// TensorFlow reads this when it is loaded: its remarks about the processor are no news.
process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';

/**
 * What of the language itself every module is handed. Each file of tests runs in a context of its own, in which every look
 * at a global asks the context first: kernels on the plain JavaScript backend, and tfjs's own code, then take up to 1.6
 * times as long. What a test may replace, as `fetch` or `performance`, is not among them.
 */
const LANGUAGE = [
  ...[
    'Object',
    'Array',
    'String',
    'Number',
    'Boolean',
    'Symbol',
    'Math',
    'JSON',
    'Reflect',
    'Promise',
  ],
  ...['Map', 'Set', 'WeakMap', 'WeakSet', 'Error', 'TypeError', 'RangeError'],
  ...[
    'ArrayBuffer',
    'DataView',
    'Float32Array',
    'Float64Array',
    'Int8Array',
    'Int16Array',
    'Int32Array',
  ],
  ...['Uint8Array', 'Uint8ClampedArray', 'Uint16Array', 'Uint32Array'],
  ...['isNaN', 'isFinite', 'parseInt', 'parseFloat', 'Infinity'],
];

/** @type {import('jest').Config} */
export default {
  // Says what is not here, so that its tests are skipped.
  globalSetup: '<rootDir>/test/support/announce.ts',
  // Node; a test that prints fails.
  testEnvironment: '<rootDir>/test/support/environment.ts',
  setupFilesAfterEnv: ['<rootDir>/test/support/setup.ts'],
  // tfjs looks at its global engine once more when a file's tests are over.
  testEnvironmentOptions: { globalsCleanup: 'off' },
  sandboxInjectedGlobals: LANGUAGE,
  roots: ['<rootDir>/src', '<rootDir>/test'],
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  // They have a configuration of their own, jest.browser.config.mjs.
  testPathIgnorePatterns: ['/node_modules/', '<rootDir>/test/browser/'],
  moduleNameMapper: {
    '^tfjs-revcol$': '<rootDir>/src/index.ts',
    '^tfjs-revcol/(.*)$': '<rootDir>/src/entries/$1.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  transform: {
    '^.+\\.m?ts$': [
      '@swc/jest',
      { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'commonjs' } },
    ],
    '/(@jsquash|echarts|zrender|tslib)/': '<rootDir>/test/support/modules_transform.cjs',
  },
  // Published as ES modules only, where they are imported in parts.
  transformIgnorePatterns: ['/node_modules/(?!(@jsquash|echarts|zrender|tslib)/)'],
  maxWorkers: 2,
  // Tests are bounded in work. This is for one that hangs, on however busy a machine.
  testTimeout: 600000,
};
