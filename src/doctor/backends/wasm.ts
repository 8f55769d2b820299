/** Backend wasm: threads, SIMD, and the form of this package's kernels. */
import * as tf from '@tensorflow/tfjs-core';

import { runsInNode } from '../../common/node';
import { type KernelBinary, RELAXED_BINARY, SIMD_BINARY } from '../../ops/kernels/simd_binary';
import { SIMD_FLAG } from '../../ops/kernels/simd_module';
import type { DoctorFinding } from '../report';
import type { BackendFacts } from './facts';

/** What is read of tfjs's wasm backend, an optional peer. */
interface WasmBackend {
  wasm: { tfjs?: { getThreadsCount?: () => number } };
}

const isValid = ({ base64 }: KernelBinary) =>
  WebAssembly.validate(Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)));

/** How many threads tfjs's own kernels use; null where it does not tell. */
function threads(): number | null {
  try {
    return (tf.backend() as unknown as WasmBackend).wasm.tfjs?.getThreadsCount?.() ?? null;
  } catch {
    return null;
  }
}

export async function wasmFacts(): Promise<BackendFacts> {
  const simd = await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT');
  const count = threads();
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
  if (count === 1) findings.push(oneThread());
  return { facts: { threads: count, simd: Boolean(simd), kernelForm }, findings };
}

/** Why tfjs's kernels have one thread. */
function oneThread(): DoctorFinding {
  if (runsInNode()) {
    return {
      kind: 'slow',
      code: 'one-thread',
      text: "tfjs's own kernels have one thread on wasm: in Node tfjs switches its threads off",
      advice: 'where tfjs-node installs, its backend tensorflow uses all of them',
    };
  }
  const { crossOriginIsolated, navigator } = globalThis;
  const hardware = navigator?.hardwareConcurrency ?? 1;
  const code = 'one-thread';
  if (!crossOriginIsolated) {
    return {
      kind: 'slow',
      code,
      text: 'wasm has one thread, because the page is not isolated',
      advice:
        'serve it with the headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp',
    };
  }
  if (hardware < 4) {
    const text = `wasm has one thread: tfjs takes half of the ${hardware} threads of the hardware`;
    return { kind: 'note', code, text };
  }
  return {
    kind: 'slow',
    code,
    text: 'wasm has one thread although the page is isolated: threads are switched off or were not asked for',
    advice: 'see WASM_HAS_MULTITHREAD_SUPPORT and setThreadsCount in the program',
  };
}
