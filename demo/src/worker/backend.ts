/** Starts a backend: the one that was asked for, or the fastest that is there. */
import { getThreadsCount, setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';

import type { BackendName, Settings } from '../shared/settings';

/** A backend that runs. */
export interface Started {
  backend: BackendName;
  threads: number;
  /** What may be chosen here. */
  available: BackendName[];
  /** Why it is this one. */
  why: string;
}

/** The name of the graphics card, or of the program that stands in for one; null without WebGL 2. */
function renderer(): string | null {
  const gl = new OffscreenCanvas(1, 1).getContext('webgl2');
  if (!gl) return null;
  const info = gl.getExtension('WEBGL_debug_renderer_info');
  const name = String(gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
  gl.getExtension('WEBGL_lose_context')?.loseContext();
  return name;
}

const isSoftware = (name: string) => /swiftshader|llvmpipe|software|basic render/i.test(name);

async function hasWebgpu(): Promise<boolean> {
  const { gpu } = navigator as { gpu?: { requestAdapter(): Promise<unknown> } };
  return (await gpu?.requestAdapter().catch(() => null)) != null;
}

/** What is loaded only where it is chosen. */
async function load(name: BackendName): Promise<void> {
  if (name === 'webgl') await import('@tensorflow/tfjs-backend-webgl');
  if (name === 'webgpu') await import('@tensorflow/tfjs-backend-webgpu');
  if (name === 'cpu') await import('@tensorflow/tfjs-backend-cpu');
}

async function starts(name: BackendName): Promise<boolean> {
  await load(name);
  if (!(await tf.setBackend(name).catch(() => false))) return false;
  if (name !== 'webgl' || tf.env().getBool('WEBGL_RENDER_FLOAT32_ENABLED')) return true;
  // 16-bit textures cannot train.
  return false;
}

function choose(card: string | null): { first: BackendName; why: string } {
  if (card === null) return { first: 'wasm', why: 'there is no WebGL 2 here' };
  if (isSoftware(card)) {
    return { first: 'wasm', why: 'graphics are computed by the processor here, so wasm is faster' };
  }
  return { first: 'webgl', why: `the graphics card is ${card}` };
}

/**
 * Starts a backend.
 *
 * @throws {Error} when the one that was asked for does not start, or none does
 */
export async function startBackend(wanted: Settings['backend']): Promise<Started> {
  // In a worker tfjs needs an absolute address.
  setWasmPaths(new URL('wasm/', scriptAddress()).href);
  const card = renderer();
  const available: BackendName[] = ['wasm', 'cpu'];
  if (card !== null) available.splice(1, 0, 'webgl');
  if (await hasWebgpu()) available.splice(-1, 0, 'webgpu');
  const { first, why } =
    wanted === 'auto' ? choose(card) : { first: wanted, why: 'you have chosen it' };
  const order: BackendName[] = wanted === 'auto' ? [first, 'wasm', 'cpu'] : [first];
  for (const name of order) {
    if (!(await starts(name))) continue;
    const threads = name === 'wasm' ? getThreadsCount() : 1;
    const reason = name === first ? why : `${first} does not start`;
    return { backend: name, threads, available, why: reason };
  }
  throw new Error(
    wanted === 'auto'
      ? 'No backend starts in this browser: neither WebAssembly nor WebGL is there'
      : `The backend ${wanted} does not start here; choose another one`,
  );
}

const scriptAddress = () => (globalThis as { location: Location }).location.href;
