/** How many threads share the work of the package's kernels on backend 'wasm': the public setting. */
import * as tf from '@tensorflow/tfjs-core';

import { requireInteger } from '../../common/arguments';
import { messageOf } from '../../common/messages';
import { nodeBuiltin, runsInNode } from '../../common/node';
import { threadsOfNode } from './node_threads';
import { shareMemoryAtStart, startInProgress } from './shared_memory';
import { compileKernels, isShared, memoryOf, SIMD_FLAG } from './simd_module';
import { MAX_THREADS } from './thread_layout';
import { startPageThread, type StartThread } from './thread_worker';

/** What `setWasmThreads` has come to. */
export interface WasmThreads {
  /** Threads that will compute, 1 where there can be no more. */
  readonly threads: number;
  /** Why they are fewer than asked for. */
  readonly reason?: string;
}

/** How the kernels' work is to be shared. */
export interface ThreadSetting {
  readonly threads: number;
  readonly start: StartThread;
}

let setting: ThreadSetting | null = null;

/** The calls that have not come to an end, one after the other; null where there are none. Never rejects. */
let calls: Promise<void> | null = null;

/** Whether the backend is to share its memory. One that starts meanwhile waits for the calls made before. */
const isSharingWanted = () =>
  calls === null ? setting !== null : calls.then(() => setting !== null);

/** The setting in force; null for one thread. Another object whenever it was set anew. */
export function threadSetting(): ThreadSetting | null {
  return setting;
}

/**
 * Splits this package's kernels on backend 'wasm' over threads: products of matrices, normalisation, GELU,
 * attention, depthwise convolutions, sums over rows, and whole blocks and levels made of these, not what tfjs
 * computes itself. It works in Node, and in pages that are cross-origin isolated and whose policy allows workers from
 * `blob:`. Results
 * are the same to the bit for any number of threads. Off unless called: threads take cores that the program
 * may want for something else, and in Node tfjs's memory must be declared shared for them.
 *
 * Threads start with the first large piece of work, which does not wait for them, do not keep a process
 * alive, and end by themselves after 5 seconds without work. Each takes 0.8 MB of wasm's heap.
 *
 * Calls take effect in their order. A backend whose start begins after a call waits for it, so that only the
 * call has to come before `tf.setBackend`, not its result.
 *
 * @param count most threads, that of the caller included; at most as many as there are cores, which is also
 *   the default. 1 switches them off
 * @returns how many there will be; one, with the reason, where there can be none besides the caller's
 * @throws {Error} when count is no whole number of at least 1; where there could be several, when
 *   `@tensorflow/tfjs-backend-wasm` is not imported yet, or has begun to start with a memory that is not
 *   shared: call this before `tf.setBackend`. The setting then stays as it was
 */
export async function setWasmThreads(count?: number): Promise<WasmThreads> {
  if (count !== undefined) requireInteger('setWasmThreads', 'count', count, 1);
  if (count === 1 && calls === null) return switchOff();
  // At once, since the program may start the backend before the rest is known.
  const begun = [calls, startInProgress()].filter((one) => one !== null);
  const result = setAfter(begun, count);
  const ended: Promise<void> = result.then(
    () => undefined,
    () => undefined,
  );
  calls = ended;
  shareMemoryAtStart(isSharingWanted);
  try {
    return await result;
  } finally {
    if (calls === ended) calls = null;
  }
}

function switchOff(reason?: string): WasmThreads {
  setting = null;
  return reason === undefined ? { threads: 1 } : { threads: 1, reason };
}

/** Sets it when what has begun before is over: earlier calls, and a start that waits for none but those. */
async function setAfter(
  begun: readonly Promise<unknown>[],
  count: number | undefined,
): Promise<WasmThreads> {
  await Promise.allSettled(begun);
  if (count === 1) return switchOff();
  const cores = await availableCores();
  const threads = Math.min(count ?? cores, cores, MAX_THREADS);
  const start = await threadStarter();
  const reason = typeof start === 'string' ? start : whyOne(cores);
  if (reason !== undefined) return switchOff(reason);
  requireSharedMemory();
  setting = { threads, start: start as StartThread };
  return threads < (count ?? 0) ? { threads, reason: coresAre(cores) } : { threads };
}

function coresAre(cores: number): string {
  return cores === 1
    ? 'there is only one core'
    : `there are ${cores} cores, and at most 32 are used`;
}

function whyOne(cores: number): string | undefined {
  if (cores === 1) return coresAre(1);
  const { flagRegistry } = tf.env() as unknown as { flagRegistry: Record<string, unknown> };
  if (SIMD_FLAG in flagRegistry && !tf.env().getBool(SIMD_FLAG)) {
    return `the tfjs flag ${SIMD_FLAG} is off`;
  }
  return compileKernels(true) === null
    ? 'the engine has no WebAssembly SIMD with threads'
    : undefined;
}

/** @throws {Error} where threads could work if only the calls came in another order */
function requireSharedMemory(): void {
  if (shareMemoryAtStart(isSharingWanted)) return;
  const backend = tf.engine().registry.wasm as
    { wasm?: Parameters<typeof memoryOf>[0] } | undefined;
  if (backend === undefined) {
    throw new Error(
      "setWasmThreads: there is no backend 'wasm'; import '@tensorflow/tfjs-backend-wasm' first",
    );
  }
  const memory = backend.wasm && memoryOf(backend.wasm);
  if (memory != null && isShared(memory)) return;
  throw new Error(
    "setWasmThreads: backend 'wasm' has started with a memory that threads cannot share; await " +
      "setWasmThreads before tf.setBackend('wasm')",
  );
}

async function availableCores(): Promise<number> {
  if (!runsInNode()) return Math.max(1, globalThis.navigator?.hardwareConcurrency ?? 1);
  const os = await nodeBuiltin('os');
  return os.availableParallelism();
}

/** What starts threads here, or why nothing can. */
async function threadStarter(): Promise<StartThread | string> {
  const { crossOriginIsolated = true } = globalThis as Partial<typeof globalThis>;
  if (typeof SharedArrayBuffer === 'undefined' || !crossOriginIsolated) {
    return 'the page is not cross-origin isolated';
  }
  if (!runsInNode()) {
    return typeof Worker === 'undefined' ? 'there are no workers here' : startPageThread;
  }
  try {
    return threadsOfNode(await nodeBuiltin('worker_threads'));
  } catch (error) {
    return `Node has no module 'worker_threads': ${messageOf(error)}`;
  }
}
