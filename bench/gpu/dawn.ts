/** webgpu in Node for the portable bundle: Dawn's library lies beside the programs, not in node_modules. */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

interface Dawn {
  create(options: string[]): object;
  globals: object;
}

/** `REVCOL_DAWN`, else where the bundle has it. */
const LIBRARY =
  process.env.REVCOL_DAWN ?? fileURLToPath(new URL('../dawn/dawn.node', import.meta.url));

/**
 * Puts webgpu where tfjs-backend-webgpu looks for it. That backend is to be imported afterwards.
 *
 * @throws {Error} when the library cannot be loaded
 */
export function provideWebgpu(): void {
  const { create, globals } = createRequire(import.meta.url)(LIBRARY) as Dawn;
  Object.assign(globalThis, globals);
  const value = { gpu: create([]) };
  Object.defineProperty(globalThis, 'navigator', { value, configurable: true });
}
