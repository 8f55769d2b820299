/**
 * Examines one backend in a process of its own, so that a driver that crashes or hangs takes nothing else along.
 * Started by `process.ts` with the backend's name, and `full` where it is to be thorough.
 */
import { messageOf } from '../../common/messages';
import { KNOWN_BACKENDS } from '../../doctor/backends/index';
import { doctor } from '../../doctor/doctor';
import { explain } from '../../doctor/reasons';
import { blankBackend, type DoctorBackend, type DoctorFinding } from '../../doctor/report';
import { registerLayers } from '../../registry/register_layers';
import { registerOptimizers } from '../../registry/register_optimizers';
import { isAbsent } from '../base/backend';
import type { ChildMessage } from './process';

/** Packages that bring a backend, the better first. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  tensorflow: ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'],
};

interface WebgpuPackage {
  create(options: string[]): unknown;
  globals: object;
}

/** Puts Dawn where tfjs-backend-webgpu looks for a browser's. */
async function provideGpu(): Promise<void> {
  // By variable: it is optional, and nobody's bundler should want it.
  const specifier: string = 'webgpu';
  const { create, globals } = (await import(specifier)) as WebgpuPackage;
  Object.assign(globalThis, globals);
  const value = { gpu: create([]) };
  Object.defineProperty(globalThis, 'navigator', { value, configurable: true });
}

/** Why a backend cannot be loaded; null when it is. */
async function load(backend: string): Promise<DoctorBackend | null> {
  const specifiers = PACKAGES[backend] ?? [KNOWN_BACKENDS[backend]?.package as string];
  const failed: DoctorFinding[] = [];
  try {
    if (backend === 'webgpu') await provideGpu();
  } catch (error) {
    if (!isAbsent(error, 'webgpu'))
      failed.push(explain(error, backend, 'loading the package webgpu'));
    return notLoaded(backend, ['webgpu', ...specifiers], failed);
  }
  for (const specifier of specifiers) {
    try {
      await import(specifier);
      return null;
    } catch (error) {
      if (!isAbsent(error, specifier)) failed.push(explain(error, backend, `loading ${specifier}`));
    }
  }
  return notLoaded(backend, specifiers, failed);
}

function notLoaded(
  backend: string,
  specifiers: readonly string[],
  failed: DoctorFinding[],
): DoctorBackend {
  if (failed.length > 0) return { ...blankBackend(backend, 'fails'), findings: failed };
  const install = backend === 'webgpu' ? specifiers.join(' ') : specifiers.at(-1);
  const finding: DoctorFinding = {
    kind: 'note',
    code: 'not-installed',
    text: `${backend} is not installed`,
    advice: `npm install ${install}`,
  };
  return { ...blankBackend(backend, 'absent'), findings: [finding] };
}

/** Tells the parent; resolves when it has been sent. */
function tell(message: ChildMessage): Promise<void> {
  return new Promise((resolve) => {
    if (process.send) process.send(message, undefined, undefined, () => resolve());
    else resolve();
  });
}

async function main(backend: string, full: boolean): Promise<void> {
  // It brings gradients, which programs have, and a second copy of tfjs-core, where there is one.
  const union: string = '@tensorflow/tfjs';
  await import(union).catch(() => undefined);
  const failure = await load(backend);
  registerLayers();
  registerOptimizers();
  if (failure) {
    await tell({ backend: failure, findings: [] });
    return;
  }
  const report = await doctor({
    backends: [backend],
    full,
    onProgress: (progress) => void tell({ progress }),
  });
  await tell({ backend: report.backends[0] as DoctorBackend, findings: report.findings });
}

const [backend = '', how] = process.argv.slice(2);
try {
  await main(backend, how === 'full');
} catch (error) {
  await tell({ failure: messageOf(error) });
}
// Drivers have threads that do not end by themselves.
process.exit(0);
