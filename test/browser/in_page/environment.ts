/** What a page or a worker is told about itself, by its name, before anything else runs there. */

/** A backend in a page or worker, and how it is set up there. */
export interface Environment {
  browser: 'Chromium' | 'Firefox';
  backend: 'wasm' | 'webgl' | 'webgpu';
  where: 'page' | 'module worker' | 'classic worker';
  /** Of wasm; half of what the browser says the hardware has. */
  threads: number;
  /** Whether wasm may use SIMD. */
  simd: boolean;
}

/** That of this page or worker. */
export const ENVIRONMENT = JSON.parse(self.name) as Environment;

// tfjs's wasm backend starts half as many threads, when the page is isolated.
Object.defineProperty(navigator, 'hardwareConcurrency', {
  get: () => 2 * ENVIRONMENT.threads,
  configurable: true,
});
