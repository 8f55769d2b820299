/** A contestant in a page: sets up a network on a backend, runs it, counts, gives what it computed. */
import '@tensorflow/tfjs';
import { getThreadsCount, setThreadsCount, setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';

import { type StartedNetwork, startNetwork } from '../contestants/network';
import { writeSafetensors } from '../contestants/weight_files';
import type { Counted, Ready, Task } from '../suite/messages';
import { countDevice } from './device_counts';

let started: StartedNetwork | undefined;

function network(): StartedNetwork {
  if (!started) throw new Error('the page has not been told what to set up');
  return started;
}

function program(name: string): () => void | Promise<void> {
  const run = network().programs[name];
  if (!run) throw new Error(`this contestant has no program ${name}`);
  return run;
}

async function startBackend({ backend, variant, threads }: Task): Promise<void> {
  const name = backend as string;
  tf.enableProdMode();
  if (name === 'webgpu') await import('@tensorflow/tfjs-backend-webgpu');
  if (name === 'wasm') {
    setWasmPaths(`${location.origin}/wasm/`);
    setThreadsCount(threads);
    // Stock tfjs has only its own threads; of these there are two sets, of which one works at a time.
    if (variant !== 'stock' && threads > 1) {
      const { setWasmThreads } = await import('tfjs-revcol');
      const set = await setWasmThreads(threads);
      if (set.threads < threads) throw new Error(`${set.threads} threads: ${set.reason}`);
    }
  }
  // The programs of a graphics card are counted, also where there is none.
  if (name === 'webgl' && variant !== 'stock') tf.env().set('REVCOL_WEBGL_PROGRAMS', true);
  if (!(await tf.setBackend(name))) throw new Error(`backend ${name} did not start`);
  await tf.ready();
  if (name === 'wasm' && getThreadsCount() !== threads) {
    throw new Error(`backend wasm has ${getThreadsCount()} threads, not ${threads}`);
  }
}

/** Bytes as base64, which passes through a driver of browsers quickly. */
async function base64Of(blob: Blob): Promise<string> {
  const url = await new Promise<string>((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result as string);
    reader.onerror = () => reject(reader.error as Error);
    reader.readAsDataURL(blob);
  });
  return url.slice(url.indexOf(',') + 1);
}

const CALLS = {
  start: async (task: Task): Promise<Ready> => {
    await startBackend(task);
    started = await startNetwork(task);
    const { parameters, programs } = started;
    return {
      versions: { 'tfjs-core': tf.version_core },
      parameters,
      programs: Object.keys(programs),
    };
  },

  /** Mean wall-clock time of some runs, in ms. */
  run: async (name: string, times: number): Promise<number> => {
    const run = program(name);
    const start = performance.now();
    for (let i = 0; i < times; i++) await run();
    return (performance.now() - start) / times;
  },

  /** Counts in two runs, as counting bytes of tensors is a count of its own. */
  count: async (name: string): Promise<Counted> => {
    const run = program(name);
    const peakBytes = await network().countBytes(run);
    return { peakBytes, counts: await countDevice(run) };
  },

  /** Outputs as a safetensors file. */
  outputs: async (): Promise<string> => base64Of(await writeSafetensors(await network().outputs())),
};

/** What can be asked of the page. */
export type PageCalls = typeof CALLS;

Object.assign(globalThis, { contestant: CALLS });
