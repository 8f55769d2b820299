/** What one run takes of a backend, counted at tfjs's own objects. */
import * as tf from '@tensorflow/tfjs-core';

import type { DeviceCounts } from '../suite/messages';

/** What is used of tfjs's webgl and webgpu backends. */
interface DeviceBackend {
  numBytesInGPU?: number;
  acquireTexture?: (...args: unknown[]) => unknown;
  textureManager?: { numBytesAllocated: number };
  /** Compiled programs by key. */
  binaryCache?: object;
  runWebGLProgram?: (...args: unknown[]) => unknown;
  bufferManager?: {
    numBytesUsed: number;
    numBytesAllocated: number;
    acquireBuffer: (...args: unknown[]) => unknown;
  };
  /** The same of webgpu. */
  pipelineCache?: object;
  runWebGPUProgram?: (...args: unknown[]) => unknown;
}

/** Calls `after` whenever a method of an object has run; gives what undoes that. */
function watch<T extends object>(object: T, method: keyof T, after: () => void): () => void {
  const original = object[method] as (...args: unknown[]) => unknown;
  const replaced = function (this: T, ...args: unknown[]): unknown {
    const result = original.apply(this, args);
    after();
    return result;
  };
  object[method] = replaced as T[keyof T];
  return () => {
    object[method] = original as T[keyof T];
  };
}

/** Counts calls of all kernels of the backend in use, those that kernels call through the engine too. */
function watchKernels(after: () => void): () => void {
  const undo = tf
    .getKernelsForBackend(tf.getBackend())
    .map((config) => watch(config, 'kernelFunc', after));
  return () => undo.forEach((each) => each());
}

/**
 * Runs `run` once and counts: kernels, and on webgl and webgpu programs, programs compiled since the
 * page was opened, the most bytes in use on the device, and the bytes that tfjs holds there afterwards,
 * its pool included.
 */
export async function countDevice(run: () => void | Promise<void>): Promise<DeviceCounts> {
  const backend = tf.backend() as unknown as DeviceBackend;
  const { bufferManager, textureManager } = backend;
  let [kernels, programs] = [0, 0];
  const used = () => bufferManager?.numBytesUsed ?? backend.numBytesInGPU ?? 0;
  let most = used();
  const note = () => (most = Math.max(most, used()));
  const undo = [watchKernels(() => kernels++)];
  for (const method of ['runWebGLProgram', 'runWebGPUProgram'] as const) {
    if (backend[method]) undo.push(watch(backend, method, () => programs++));
  }
  if (backend.acquireTexture) undo.push(watch(backend, 'acquireTexture', note));
  if (bufferManager) undo.push(watch(bufferManager, 'acquireBuffer', note));
  try {
    await run();
  } finally {
    undo.reverse().forEach((each) => each());
  }
  const cache = backend.binaryCache ?? backend.pipelineCache;
  if (!cache) return { kernels, device: null };
  return {
    kernels,
    device: {
      programs,
      compiled: Object.keys(cache).length,
      peakBytes: most,
      heldBytes: (bufferManager ?? textureManager)?.numBytesAllocated ?? 0,
    },
  };
}
