/** What the benchmarks of optimizers share: backends, statistics, and cases in processes of their own. */
import '@tensorflow/tfjs-backend-wasm';
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';

const HERE = path.dirname(fileURLToPath(import.meta.url));

/** Starts a backend; 'tensorflow' is what `npm run native` has set up. */
export async function useBackend(name: string): Promise<void> {
  if (name === 'tensorflow') {
    createRequire(path.resolve(HERE, '../../.native/package.json'))('@tensorflow/tfjs-node-gpu');
  }
  if (!(await tf.setBackend(name))) throw new Error(`backend ${name} did not start`);
  await tf.ready();
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

export const megabytes = (bytes: number) => (bytes / 1e6).toFixed(0);

/**
 * Runs a case in a process of its own, so that resident memory is its own: the benchmark `file` once
 * more, with `--case` and the case as JSON. It prints its result as a line of JSON.
 *
 * @param environment variables that the process has besides
 * @returns the result, or in words why there is none, for example killed for want of memory
 */
export function runInProcess(
  file: string,
  givenCase: object,
  environment: Readonly<Record<string, string>> = {},
): object | string {
  const child = spawnSync(
    process.execPath,
    ['--import', 'tsx', fileURLToPath(file), '--case', JSON.stringify(givenCase)],
    { encoding: 'utf8', maxBuffer: 1 << 26, env: { ...process.env, ...environment } },
  );
  const line = child.stdout.split('\n').find((l) => l.startsWith('{'));
  if (child.status === 0 && line) return JSON.parse(line) as object;
  const error = child.stderr.split('\n').find((l) => /Error|abort/i.test(l));
  return `failed: ${(child.signal ?? error ?? `exit status ${child.status}`).slice(0, 100)}`;
}

/** Most memory that this process has held, in bytes. */
export const residentBytes = () => process.resourceUsage().maxRSS * 1024;
