/** What is known of each backend, by its name. */
import { cpuFacts } from './cpu';
import type { ReadFacts } from './facts';
import { tensorflowFacts } from './tensorflow';
import { wasmFacts } from './wasm';
import { webglFacts, webglTrains } from './webgl';
import { webgpuFacts } from './webgpu';

/** A backend that the doctor knows. */
export interface KnownBackend {
  /** The package that brings it. */
  readonly package: string;
  /** Where it can be: a page or worker, Node, or both. */
  readonly runsIn: readonly ('page' | 'node')[];
  readonly facts: ReadFacts;
  /** Whether it can train at all; asked once it has started. Default: it can. */
  readonly trains?: () => boolean;
}

export const KNOWN_BACKENDS: Readonly<Record<string, KnownBackend>> = {
  tensorflow: { package: '@tensorflow/tfjs-node', runsIn: ['node'], facts: tensorflowFacts },
  webgpu: {
    package: '@tensorflow/tfjs-backend-webgpu',
    runsIn: ['page', 'node'],
    facts: webgpuFacts,
  },
  webgl: {
    package: '@tensorflow/tfjs-backend-webgl',
    runsIn: ['page'],
    facts: webglFacts,
    trains: webglTrains,
  },
  wasm: { package: '@tensorflow/tfjs-backend-wasm', runsIn: ['page', 'node'], facts: wasmFacts },
  cpu: { package: '@tensorflow/tfjs-backend-cpu', runsIn: ['page', 'node'], facts: cpuFacts },
};
