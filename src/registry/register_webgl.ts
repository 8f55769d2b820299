/** Programs for backend 'webgl'. A file of its own, so that pages that train on wasm alone carry no shaders. */
import { registerWebglKernels } from '../ops/kernels/webgl/index';

/** Registers the package's own programs for webgl, which need not be loaded yet. Once more does nothing. */
export function registerWebgl(): void {
  registerWebglKernels();
}
