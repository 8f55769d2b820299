/** Which tfjs backend an example runs on. */
import '@tensorflow/tfjs-backend-wasm';
import * as fs from 'node:fs';
import { createRequire } from 'node:module';
import * as tf from '@tensorflow/tfjs';

const NATIVE = new URL('../../.native/', import.meta.url);

/**
 * Starts a backend: the one named, else `tensorflow` where `npm run native` has set it up, else
 * `wasm`.
 *
 * @returns its name
 */
export async function startBackend(name?: string): Promise<string> {
  const haveNative = fs.existsSync(new URL('ready', NATIVE));
  const chosen = name ?? (haveNative ? 'tensorflow' : 'wasm');
  if (chosen === 'tensorflow') {
    if (!haveNative) {
      throw new Error("backend 'tensorflow' is not set up: run `npm run native`, or choose wasm");
    }
    createRequire(new URL('package.json', NATIVE))('@tensorflow/tfjs-node-gpu');
  }
  if (tf.findBackend(chosen) == null && tf.findBackendFactory(chosen) == null) {
    throw new Error(`backend '${chosen}' is unknown; there are tensorflow, wasm and cpu`);
  }
  if (!(await tf.setBackend(chosen))) throw new Error(`backend '${chosen}' did not start`);
  await tf.ready();
  return chosen;
}
