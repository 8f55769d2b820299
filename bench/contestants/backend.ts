/** Starts a tfjs backend in a contestant's process. */
import '@tensorflow/tfjs';
import { createRequire } from 'node:module';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';

const HERE = path.dirname(fileURLToPath(import.meta.url));

/** What `npm run native` sets up. */
const NATIVE = path.resolve(HERE, '../../.native/package.json');

/** Package of a backend that is an npm dependency. */
const PACKAGES: Record<string, string> = {
  wasm: '@tensorflow/tfjs-backend-wasm',
  cpu: '@tensorflow/tfjs-backend-cpu',
};

/** @throws {Error} where this package's kernels cannot have so many threads */
async function startThreads(wanted: number): Promise<void> {
  const { setWasmThreads } = await import('tfjs-revcol');
  const { threads, reason } = await setWasmThreads(wanted);
  if (threads < wanted) throw new Error(`backend wasm has ${threads} threads: ${reason}`);
}

/**
 * Loads and activates a backend; automatic differentiation is there as well.
 *
 * @param threads of this package's kernels on wasm; tensorflow has its own setting
 * @returns versions of what computes
 * @throws {Error} when it does not start
 */
export async function startBackend(name: string, threads = 1): Promise<Record<string, string>> {
  tf.enableProdMode();
  const versions: Record<string, string> = { 'tfjs-core': tf.version_core, node: process.version };
  if (name === 'tensorflow') {
    const addon = createRequire(NATIVE)('@tensorflow/tfjs-node-gpu') as {
      version: Record<string, string>;
    };
    Object.assign(versions, addon.version);
  } else {
    const specifier = PACKAGES[name];
    if (!specifier) throw new Error(`there is no backend ${name}; expected wasm, tensorflow, cpu`);
    await import(specifier);
    if (name === 'wasm' && threads > 1) await startThreads(threads);
  }
  if (!(await tf.setBackend(name))) throw new Error(`backend ${name} did not start`);
  await tf.ready();
  return versions;
}
