/** Which backends are there in Node. In a page, `test/browser/in_page/available.ts` takes its place. */
import * as fs from 'node:fs';
import { createRequire } from 'node:module';
import * as path from 'node:path';

const NATIVE_DIR = path.resolve(import.meta.dirname, '../../.native');
const HAVE_NATIVE = fs.existsSync(path.join(NATIVE_DIR, 'ready'));

/** Starts backends that no import brings. */
export const LOADERS: Record<string, () => void> = {
  tensorflow: () => {
    createRequire(path.join(NATIVE_DIR, 'package.json'))('@tensorflow/tfjs-node-gpu');
  },
};

export const AVAILABLE = ['cpu', 'wasm', ...(HAVE_NATIVE ? ['tensorflow'] : [])];

/** How to get those that are not there. */
export const HINT = HAVE_NATIVE ? '' : ' (npm run native sets up tensorflow)';
