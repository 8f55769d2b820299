/** The tfjs backend that the command line computes on. */
import * as tf from '@tensorflow/tfjs-core';

/** Backends by name, the fastest first. `--backend` takes these. */
const PACKAGES = {
  tensorflow: '@tensorflow/tfjs-node',
  wasm: '@tensorflow/tfjs-backend-wasm',
  cpu: '@tensorflow/tfjs-backend-cpu',
} as const;

export type BackendName = keyof typeof PACKAGES;

export const BACKEND_NAMES = Object.keys(PACKAGES) as BackendName[];

/**
 * Loads and activates a backend: the named one, else the fastest that is installed.
 *
 * @returns its name
 * @throws Error that says what to install
 */
export async function activateBackend(wanted?: BackendName): Promise<BackendName> {
  const failures: string[] = [];
  for (const name of wanted ? [wanted] : BACKEND_NAMES) {
    try {
      // By variable: these are optional, and nobody's bundler should want them.
      const specifier: string = PACKAGES[name];
      await import(specifier);
      if (await tf.setBackend(name)) {
        await tf.ready();
        return name;
      }
      failures.push(`${name}: did not start`);
    } catch (error) {
      failures.push(`${name}: ${(error as Error).message.split('\n')[0]}`);
    }
  }
  const install = wanted ? PACKAGES[wanted] : `${PACKAGES.tensorflow} or ${PACKAGES.wasm}`;
  throw new Error(
    `no tfjs backend to compute on; run: npm install ${install}\n${failures.join('\n')}`,
  );
}
