/** Programs for backend 'webgpu'. A file of its own, so that pages that train on wasm alone carry no shaders. */
import { registerWebgpuKernels } from '../ops/kernels/webgpu/programs';

/** Registers the package's own programs for webgpu, which need not be loaded yet. Once more does nothing. */
export function registerWebgpu(): void {
  registerWebgpuKernels();
}
