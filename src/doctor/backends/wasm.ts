/** Backend wasm: threads, SIMD, and the form of this package's kernels. */
import * as tf from '@tensorflow/tfjs-core';

import { nodeBuiltin, runsInNode } from '../../common/node';
import { type KernelBinary, RELAXED_BINARY, SIMD_BINARY } from '../../ops/kernels/simd_binary';
import { SIMD_FLAG } from '../../ops/kernels/simd_module';
import { threadSetting } from '../../ops/kernels/wasm_threads';
import type { DoctorFinding } from '../report';
import type { BackendFacts } from './facts';

/** What is read of tfjs's wasm backend, an optional peer. */
interface WasmBackend {
  wasm: { tfjs?: { getThreadsCount?: () => number } };
}

const isValid = ({ base64 }: KernelBinary) =>
  WebAssembly.validate(Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)));

/** How many threads tfjs's own kernels use; null where it does not tell. */
function threadsOfTfjs(): number | null {
  try {
    return (tf.backend() as unknown as WasmBackend).wasm.tfjs?.getThreadsCount?.() ?? null;
  } catch {
    return null;
  }
}

export async function wasmFacts(): Promise<BackendFacts> {
  const simd = await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT');
  const kernelForm = !tf.env().getBool(SIMD_FLAG)
    ? `JavaScript (${SIMD_FLAG} is off)`
    : isValid(RELAXED_BINARY)
      ? 'relaxed SIMD'
      : isValid(SIMD_BINARY)
        ? 'SIMD'
        : 'JavaScript';
  const findings: DoctorFinding[] = [];
  if (kernelForm.startsWith('JavaScript')) {
    findings.push({
      kind: 'slow',
      code: 'no-simd',
      text: `wasm computes without SIMD: this package's kernels run as ${kernelForm}`,
      advice: 'use a current browser or Node, and leave the flag on',
    });
  }
  const threads = threadSetting()?.threads ?? 1;
  const cores = await processorThreads();
  if (threads === 1 && cores > 1) findings.push(oneThread(cores));
  const facts = { threads, tfjsThreads: threadsOfTfjs(), simd: Boolean(simd), kernelForm };
  return { facts, findings };
}

async function processorThreads(): Promise<number> {
  if (!runsInNode()) return globalThis.navigator?.hardwareConcurrency ?? 1;
  return (await nodeBuiltin('os')).availableParallelism();
}

/** Why this package's kernels have one thread. */
function oneThread(cores: number): DoctorFinding {
  const { crossOriginIsolated = true } = globalThis as Partial<typeof globalThis>;
  const common = { kind: 'slow', code: 'one-thread' } as const;
  const call = "call await setWasmThreads() before tf.setBackend('wasm')";
  if (!crossOriginIsolated) {
    return {
      ...common,
      text: `wasm uses one of ${cores} threads, because the page is not isolated`,
      advice:
        'serve it with the headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: ' +
        `require-corp, and ${call}`,
    };
  }
  return {
    ...common,
    text: `this package's kernels on wasm use one of ${cores} threads, as the program has not asked for more`,
    advice: call,
  };
}
