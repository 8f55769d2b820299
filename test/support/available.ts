/** Which backends are there in Node. In a page, `test/browser/in_page/available.ts` takes its place. */
import * as fs from 'node:fs';
import { createRequire } from 'node:module';
import * as path from 'node:path';

import { defaultFile } from '../../src/cli/native_build';

const ROOT = path.resolve(import.meta.dirname, '../..');

/** What `npm run native` and `npm run webgpu` set up. */
const isSetUp = (folder: string) => fs.existsSync(path.join(ROOT, folder, 'ready'));
const requireFrom = (folder: string) => createRequire(path.join(ROOT, folder, 'package.json'));

const HAVE_NATIVE = isSetUp('.native');

/**
 * Most tests read tensors synchronously, which webgpu cannot do in Node: it is there only for those who
 * ask for it by name, as `jest.webgpu.config.mjs` does.
 */
const HAVE_WEBGPU = isSetUp('.webgpu');
const WANT_WEBGPU = /\bwebgpu\b/.test(process.env.REVCOL_BACKENDS ?? '');

/** As docs/webgpu-node.md tells; but Jest cannot import modules, so that the addon itself is loaded. */
function startWebgpu(): void {
  const { platform } = process;
  const architecture = platform === 'darwin' ? 'universal' : process.arch;
  const addon = `./node_modules/webgpu/dist/${platform}-${architecture}/dawn.node`;
  const { create, globals } = requireFrom('.webgpu')(addon) as {
    create(options: string[]): unknown;
    globals: object;
  };
  Object.assign(globalThis, globals);
  Object.defineProperty(globalThis, 'navigator', {
    value: { gpu: create([]) },
    configurable: true,
  });
  createRequire(import.meta.url)('@tensorflow/tfjs-backend-webgpu');
}

/** Whether the package's own library of operations for backend tensorflow has been built. */
export const HAS_OPERATIONS = fs.existsSync(defaultFile());

/** Whether the package may read synchronously on a backend: webgpu cannot in Node. */
export const readsAtOnce = (backend: string): boolean => backend !== 'webgpu';

/** Starts backends that no import brings. */
export const LOADERS: Record<string, () => void> = {
  tensorflow: () => {
    requireFrom('.native')('@tensorflow/tfjs-node-gpu');
  },
  webgpu: startWebgpu,
};

export const AVAILABLE = [
  'cpu',
  'wasm',
  ...(HAVE_NATIVE ? ['tensorflow'] : []),
  ...(HAVE_WEBGPU && WANT_WEBGPU ? ['webgpu'] : []),
];

/** How to get those that are not there. */
export const HINT = [
  ...(HAVE_NATIVE ? [] : [' (npm run native sets up tensorflow)']),
  ...(HAVE_WEBGPU ? [] : [' (npm run webgpu sets up webgpu)']),
].join('');
