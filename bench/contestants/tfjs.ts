/**
 * Contestants on tfjs: this package, reversible or stored, and stock tfjs, which uses nothing of it.
 * Started by the suite with a task as JSON.
 */
import { serve } from '../suite/worker';
import { isOperations } from '../suite/workload';
import { startBackend } from './backend';
import { startNetwork } from './network';
import { startOperations } from './operations';
import { writeSafetensors } from './weight_files';

await serve(async (task) => {
  const versions = await startBackend(task.backend ?? 'wasm', task.threads);
  if (task.backend === 'tensorflow' && task.variant !== 'stock') {
    // Imported here, so that stock tfjs runs without this package.
    const { nativeOperations } = await import('../../src/registry/native_operations');
    const state = nativeOperations();
    if (task.variant !== 'plain') {
      versions['own operations'] = state.on
        ? `${state.instructions} with ${state.threads} threads`
        : `off (${state.reason})`;
    } else if (state.on) {
      throw new Error('plain is meant to run without own operations, but they are on');
    }
  }
  if (isOperations(task.workload)) return { versions, ...(await startOperations(task)) };
  const { outputs, ...network } = await startNetwork(task);
  const check = async (file: string) => writeSafetensors(await outputs(), file);
  return { versions, ...network, check };
});
