import * as fs from 'node:fs';

import config from './jest.config.mjs';

const ready = new URL('.webgpu/ready', import.meta.url);
const isReady = fs.existsSync(ready);
if (isReady) {
  const { driver } = JSON.parse(fs.readFileSync(ready, 'utf8'));
  // Read when the graphics library is loaded, which is in a worker of Jest.
  if (driver) process.env.VK_ICD_FILENAMES = driver;
  process.env.REVCOL_BACKENDS ??= 'webgpu';
}

/**
 * `npm run test:webgpu`: webgpu in Node, on the package that `npm run webgpu` sets up; where there is none,
 * its tests count as skipped. Of the shared tests these are files that never read synchronously, which
 * webgpu cannot do in Node.
 */
export default {
  ...config,
  testMatch: [
    '<rootDir>/test/webgpu/*.test.ts',
    ...(isReady
      ? [
          '<rootDir>/test/ops/reversible/late_alphas.test.ts',
          '<rootDir>/test/ops/kernels/webgpu.test.ts',
          '<rootDir>/test/browser/in_page/split_products.test.ts',
          '<rootDir>/test/browser/in_page/warm_up.test.ts',
          '<rootDir>/test/browser/in_page/lost_device.test.ts',
        ]
      : []),
  ],
  testPathIgnorePatterns: ['/node_modules/'],
  maxWorkers: 1,
  testTimeout: 3600000,
};
