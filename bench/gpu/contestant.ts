/** A contestant on webgpu in Node: this package, reversible or stored, or stock tfjs. */
import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';

import { countDevice } from '../browser/device_counts';
import { startNetwork } from '../contestants/network';
import { writeSafetensors } from '../contestants/weight_files';
import { serve } from '../suite/worker';
import { provideWebgpu } from './dawn';

await serve(async (task) => {
  provideWebgpu();
  await import('@tensorflow/tfjs-backend-webgpu');
  tf.enableProdMode();
  if (!(await tf.setBackend('webgpu'))) throw new Error('webgpu found no adapter');
  await tf.ready();
  const { outputs, countBytes, ...network } = await startNetwork(task);
  return {
    versions: { 'tfjs-core': tf.version_core, node: process.version },
    ...network,
    // Two runs, as counting bytes of tensors is a count of its own.
    count: async (name) => {
      const run = network.programs[name] as () => Promise<void>;
      return { peakBytes: await countBytes(run), counts: await countDevice(run) };
    },
    check: async (file) => writeSafetensors(await outputs(), file),
  };
});
