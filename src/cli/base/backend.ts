/** Which tfjs backend the command line computes on. */
import * as tf from '@tensorflow/tfjs-core';

/** Backends by name, the fastest first, and the packages that bring them. `--backend` takes these. */
const PACKAGES = {
  tensorflow: ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'],
  wasm: ['@tensorflow/tfjs-backend-wasm'],
  cpu: ['@tensorflow/tfjs-backend-cpu'],
} as const;

export type BackendName = keyof typeof PACKAGES;

export const BACKEND_NAMES = Object.keys(PACKAGES) as BackendName[];

/** Loads a package by its name; replaced in tests. */
export type Import = (specifier: string) => Promise<unknown>;

// By variable: these are optional, and nobody's bundler should want them.
const importPackage: Import = (specifier) => import(specifier);

/**
 * Loads and activates a backend: the named one, else the fastest that is installed.
 *
 * @param instead what to do where the wanted one is not there, besides installing it
 * @returns its name
 * @throws {Error} when none starts; it says what to install, and what is wrong with those installed
 */
export async function activateBackend(
  wanted?: BackendName,
  load: Import = importPackage,
  instead = 'leave --backend out to use another, or ',
): Promise<BackendName> {
  // Without it tfjs recommends tfjs-node on standard error.
  tf.enableProdMode();
  const failures: string[] = [];
  for (const name of wanted ? [wanted] : BACKEND_NAMES) {
    for (const specifier of PACKAGES[name]) {
      try {
        await load(specifier);
        if (await tf.setBackend(name)) {
          await tf.ready();
          return name;
        }
        failures.push(`${specifier} did not start`);
      } catch (error) {
        if (!isAbsent(error, specifier)) failures.push(`${specifier}: ${firstLine(error)}`);
      }
    }
  }
  const found = failures.length > 0 ? ` (${failures.join('; ')})` : '';
  if (wanted === undefined) {
    const install = PACKAGES.wasm[0];
    throw new Error(`found no tfjs backend to compute with${found}; run: npm install ${install}`);
  }
  const what = failures.length > 0 ? `does not start${found}` : 'is not installed';
  throw new Error(
    `backend ${wanted} (${PACKAGES[wanted].join(' or ')}) ${what}; ${instead}` +
      `run: npm install ${PACKAGES[wanted].at(-1)}`,
  );
}

/** Whether an error of an import says that the very package is not there. */
export function isAbsent(error: unknown, specifier: string): boolean {
  const { code, message } = error as NodeJS.ErrnoException;
  const notFound = code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND';
  return notFound && message.includes(`'${specifier}'`);
}

function firstLine(error: unknown): string {
  return (error as Error).message.split('\n')[0] as string;
}
