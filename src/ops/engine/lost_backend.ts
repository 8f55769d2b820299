/**
 * Notices that a backend has lost its device: webgl its context, webgpu its device. tfjs tells nobody:
 * operations go on, synchronous reads give zeros, asynchronous ones never settle. From the first
 * operation of this package on, all of them fail instead, tfjs's own included.
 */
import * as tf from '@tensorflow/tfjs-core';

/**
 * The device of a backend is lost, and with it every tensor on it: the browser took the graphics
 * context away, or the driver crashed. `recoverableTraining` goes on from weights kept elsewhere.
 */
export class BackendLostError extends Error {
  override name = 'BackendLostError';

  /** @param backendName name of the backend in tfjs, `'webgl'` or `'webgpu'` */
  constructor(readonly backendName: string) {
    super(
      `backend '${backendName}' has lost its device (the browser or the graphics driver took it away), ` +
        `and with it all tensors there; expected one that lives. Train with recoverableTraining, which ` +
        `starts the backend anew and goes on from the weights it kept, or reload the page`,
    );
  }
}

/** What is used of tfjs's webgl and webgpu backends, which are optional peers. */
interface DeviceBackend extends tf.KernelBackend {
  gpgpu?: { gl: Partial<Pick<WebGL2RenderingContext, 'canvas' | 'isContextLost'>> };
  device?: { lost: Promise<unknown> };
  /** Values by identity of the data: `values` where they are on the CPU. */
  texData?: { get(dataId: object): { values?: unknown } };
  tensorMap?: { get(dataId: object): { values?: unknown } };
}

/** What is known of a backend that has a device. */
interface Watch {
  isLost(): boolean;
  /** Rejections of reads that have not come back. */
  pending: Set<(error: BackendLostError) => void>;
}

const watches = new WeakMap<tf.KernelBackend, Watch | null>();

/** Whether the device of the backend in use is known to be lost; false where none is in use. */
export function isBackendLost(): boolean {
  return watchOf(current())?.isLost() ?? false;
}

/**
 * Watches the backend in use from now on. Costs next to nothing when called again.
 *
 * @throws {BackendLostError} when its device is lost
 */
export function requireBackend(): void {
  const backend = current();
  if (backend && watchOf(backend)?.isLost()) throw new BackendLostError(tf.getBackend());
}

/**
 * Values of a tensor. Unlike `tensor.data()` by itself it never waits for a device that is lost.
 *
 * @throws {BackendLostError} when the device is lost, before or meanwhile
 */
export async function readTensor(tensor: tf.Tensor): Promise<tf.TypedArray> {
  requireBackend();
  return tensor.data();
}

/**
 * Values of a tensor without waiting for anything but the device.
 *
 * @throws {Error} on a backend that answers later, such as webgpu
 */
export function readAtOnce(tensor: tf.Tensor): tf.TypedArray {
  // webgpu may give zeros instead of throwing.
  if (tf.getBackend() === 'webgpu') throw new Error('webgpu is not asked at once');
  return tensor.dataSync();
}

function current(): DeviceBackend | null {
  // Asking for the backend would start one.
  return tf.getBackend() ? (tf.backend() as DeviceBackend) : null;
}

function watchOf(backend: DeviceBackend | null): Watch | null {
  if (!backend) return null;
  let watch = watches.get(backend);
  if (watch === undefined) {
    watch = startWatching(backend, tf.getBackend());
    watches.set(backend, watch);
  }
  return watch;
}

function startWatching(backend: DeviceBackend, name: string): Watch | null {
  const { gpgpu, device } = backend;
  const pending: Watch['pending'] = new Set();
  const fail = () => {
    const rejections = [...pending];
    pending.clear();
    for (const reject of rejections) reject(new BackendLostError(name));
  };
  let watch: Watch;
  if (gpgpu) {
    const { gl } = gpgpu;
    // Contexts outside of pages (expo-gl, headless-gl) have no canvas that tells of a loss, or cannot be
    // lost: what asks finds out, and only reads under way do not.
    const canvas = gl.canvas as Partial<EventTarget> | null | undefined;
    canvas?.addEventListener?.('webglcontextlost', fail);
    watch = { isLost: () => gl.isContextLost?.() ?? false, pending };
  } else if (device) {
    let lost = false;
    void device.lost.then(() => {
      lost = true;
      fail();
    });
    watch = { isLost: () => lost, pending };
  } else {
    return null;
  }
  failWhereLost(backend, name, watch);
  return watch;
}

/** Lets reads and programs of a lost backend fail, but for reads of what is on the CPU. */
function failWhereLost(backend: DeviceBackend, name: string, watch: Watch): void {
  const methods = backend as unknown as Record<string, (...args: unknown[]) => unknown>;
  const isOnCpu = (dataId: object) =>
    (backend.texData ?? backend.tensorMap)?.get(dataId).values != null;
  const replace = (method: string, make: (original: () => unknown, first: object) => unknown) => {
    const original = methods[method];
    if (!original) return;
    methods[method] = (...args) => make(() => original.apply(backend, args), args[0] as object);
  };
  for (const method of ['runWebGLProgram', 'runWebGPUProgram']) {
    replace(method, (run) => {
      if (watch.isLost()) throw new BackendLostError(name);
      return run();
    });
  }
  replace('readSync', (read, dataId) => {
    const onCpu = isOnCpu(dataId);
    if (!onCpu && watch.isLost()) throw new BackendLostError(name);
    const values = read();
    // Lost meanwhile, it has given zeros.
    if (!onCpu && watch.isLost()) throw new BackendLostError(name);
    return values;
  });
  replace('read', async (read, dataId) => {
    if (isOnCpu(dataId)) return read();
    if (watch.isLost()) throw new BackendLostError(name);
    let reject: (error: BackendLostError) => void = () => undefined;
    const loss = new Promise<never>((_, fail) => {
      reject = fail;
      watch.pending.add(reject);
    });
    try {
      const values = await Promise.race([read(), loss]);
      if (watch.isLost()) throw new BackendLostError(name);
      return values;
    } finally {
      watch.pending.delete(reject);
    }
  });
}

/** What tfjs's types hide of the engine. */
interface HiddenEngine {
  registryFactory: Record<string, { factory: () => tf.KernelBackend; priority: number }>;
}

/** Milliseconds before each further try: a browser may refuse a new device just after a loss. */
const WAITS = [0, 500, 4000];

/**
 * Starts the backend in use anew. All tensors of the old one are gone, but for values that were on
 * the CPU; variables get theirs by `assign`.
 *
 * @throws {Error} when it does not start, also after some seconds; then no backend is in use
 */
export async function restartBackend(): Promise<void> {
  const name = tf.getBackend();
  const { registryFactory } = tf.engine() as unknown as HiddenEngine;
  const { factory, priority } = registryFactory[name] as (typeof registryFactory)[string];
  tf.removeBackend(name);
  tf.registerBackend(name, factory, priority);
  for (const wait of WAITS) {
    await new Promise((resolve) => setTimeout(resolve, wait));
    if (await tf.setBackend(name)) return;
  }
  throw new Error(
    `backend '${name}' has lost its device and does not start again, tried ${WAITS.length} times; ` +
      `reload the page, or choose another backend, such as 'wasm'`,
  );
}
