/**
 * Contestants on tfjs: this package, reversible or stored, and stock tfjs, which uses nothing of it.
 * Started by the suite with a task as JSON.
 */
import { serve } from '../suite/worker';
import { isOperations } from '../suite/workload';
import { startBackend } from './backend';
import { startNetwork } from './network';
import { startOperations } from './operations';

await serve(async (task) => {
  const versions = await startBackend(task.backend ?? 'wasm');
  const start = isOperations(task.workload) ? startOperations : startNetwork;
  return { versions, ...(await start(task)) };
});
