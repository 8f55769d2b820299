/**
 * Runs files of the shared table of tests in a page or a worker, by Jest's own runner, expectations and
 * mocks. `../bundle.ts` bundles them, and puts what Node has in their place where a page has none.
 */
import * as tf from '@tensorflow/tfjs';
import { setThreadsCount, setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { expect } from 'expect';
import * as circus from 'jest-circus';
import { ModuleMocker } from 'jest-mock';

import { registerWebglFlag, WEBGL_FLAG } from '../../../src/ops/kernels/webgl/backend';
import { repeatRandomness } from '../../support/repeatable';
import { ENVIRONMENT } from './environment';
import { forbidSynchronousReads } from './synchronous_reads';

declare const require: (name: string) => unknown;

/** Files of tests by name, as functions that run them. `../bundle.ts` writes this module. */
const { FILES } = require('revcol:files') as { FILES: Record<string, () => void> };

/** What came of one file. */
export interface FileResult {
  passed: number;
  skipped: number;
  /** Titles and messages. */
  failed: string[];
}

const TEST_TIMEOUT = Symbol.for('TEST_TIMEOUT_SYMBOL');
const METHODS = ['log', 'info', 'warn', 'error', 'debug', 'dir', 'table', 'trace'] as const;

const mocker = new ModuleMocker(globalThis as never);
const { describe, test, it, beforeAll, afterAll, beforeEach, afterEach } = circus;
Object.assign(globalThis, {
  ...{ describe, test, it, beforeAll, afterAll, beforeEach, afterEach, expect },
  jest: {
    fn: mocker.fn.bind(mocker),
    spyOn: mocker.spyOn.bind(mocker),
    restoreAllMocks: mocker.restoreAllMocks.bind(mocker),
  },
  [TEST_TIMEOUT]: 3_600_000,
});

/** A test that prints fails, as in Node: what is printed while `fn` runs. */
async function printedBy<T>(fn: () => Promise<T>): Promise<{ result: T; printed: string[] }> {
  const printed: string[] = [];
  const before = METHODS.map((method) => console[method]);
  for (const method of METHODS) {
    console[method] = (...args: unknown[]) => void printed.push(`${method}: ${args.join(' ')}`);
  }
  try {
    return { result: await fn(), printed };
  } finally {
    METHODS.forEach((method, i) => (console[method] = before[i] as never));
  }
}

/** Starts the backend that the page was opened for. */
async function start(): Promise<string> {
  const { backend, simd, threads } = ENVIRONMENT;
  if (backend === 'webgpu') require('@tensorflow/tfjs-backend-webgpu');
  if (backend === 'wasm') {
    setWasmPaths(`${location.origin}/wasm/`);
    setThreadsCount(threads);
    if (!simd) tf.env().set('WASM_HAS_SIMD_SUPPORT', false);
  }
  if (backend === 'webgl') {
    // As on a graphics card, also where there is none.
    registerWebglFlag();
    tf.env().set(WEBGL_FLAG, true);
  }
  if (!(await tf.setBackend(backend))) throw new Error(`${backend} did not start`);
  // tfjs warns once of synchronous reads, which here only tests make.
  if (backend === 'webgpu') Object.assign(tf.backend(), { hasReadSyncWarned: true });
  if (backend !== 'wasm') forbidSynchronousReads();
  return tf.getBackend();
}

/** Runs one file and gives what came of its tests. */
async function runFile(name: string): Promise<FileResult> {
  const file = FILES[name];
  if (!file) throw new Error(`no file of tests named ${name}`);
  circus.resetState();
  const { result, printed } = await printedBy(async () => {
    repeatRandomness();
    beforeEach(repeatRandomness);
    file();
    return circus.run();
  });
  const failed = result.testResults
    .filter(({ errors }) => errors.length > 0)
    .map(({ testPath, errors }) => `${testPath.slice(1).join(' > ')}\n${errors.join('\n')}`);
  failed.push(...result.unhandledErrors);
  if (printed.length > 0) failed.push(`printed, which no test may:\n${printed.join('\n')}`);
  const count = (status: string) => result.testResults.filter((t) => t.status === status).length;
  const done = result.testResults.filter(
    ({ status, errors }) => status === 'done' && !errors.length,
  );
  return { passed: done.length, skipped: count('skip') + count('todo'), failed };
}

const CALLS = { start, runFile };

/** What can be asked of the page. */
export type Calls = typeof CALLS;

if (ENVIRONMENT.where === 'page') {
  Object.assign(globalThis, CALLS);
} else {
  addEventListener('message', (event: MessageEvent<[keyof Calls, string]>) => {
    const [name, argument] = event.data;
    CALLS[name](argument).then(
      (result) => postMessage({ result }),
      (error: unknown) => postMessage({ error: String((error as Error)?.stack ?? error) }),
    );
  });
}
