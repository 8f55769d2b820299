/** Which of the published sizes can be trained with the memory that is here. */
import { nodeBuiltin, runsInNode } from '../common/node';
import { memoryPlan, type MemoryPlanOptions } from '../plan/memory_plan';
import { REVCOL_ARCHITECTURES } from '../registry/architectures';
import type { ModelName } from '../registry/names';
import type { DoctorFit } from './report';

/** What a module of WebAssembly can address. */
const WASM_BYTES = 2 ** 32;

/** Bytes that a backend can have at most, as far as that is told: a graphics card does not say. */
export async function memoryLimit(backend: string): Promise<number | null> {
  if (backend === 'webgl' || backend === 'webgpu') return null;
  const machine = runsInNode()
    ? (await nodeBuiltin('os')).totalmem()
    : // In GB, rounded, at most 8; only some browsers tell.
      ((globalThis.navigator as { deviceMemory?: number }).deviceMemory ?? 0) * 1e9;
  const limits = [machine, backend === 'wasm' ? WASM_BYTES : 0].filter((bytes) => bytes > 0);
  return limits.length > 0 ? Math.min(...limits) : null;
}

/** What a step of each size with one image takes, against a limit in bytes. */
export function fitsWithin(backend: string, limit: number): DoctorFit[] {
  return Object.keys(REVCOL_ARCHITECTURES).map((model) => {
    const peak = (options: MemoryPlanOptions) =>
      memoryPlan(model as ModelName, {
        ...options,
        batch: 1,
        backend: backend as NonNullable<MemoryPlanOptions['backend']>,
      }).peakBytes;
    const peakBytes = peak({ optimizer: 'adamw' });
    const leastBytes = peak({ optimizer: 'adafactor', fused: true });
    const fits = peakBytes <= limit ? 'yes' : leastBytes <= limit ? 'with less' : 'no';
    return { model, peakBytes, leastBytes, fits };
  });
}
