/** The doctor in the portable bundle: examines the backend that it is told, and says a report. */
import '@tensorflow/tfjs';
import { fileURLToPath } from 'node:url';

import { doctor } from 'tfjs-revcol/doctor';
import { explain } from '../../src/doctor/reasons';
import { blankBackend } from '../../src/doctor/report';
import { MARK } from '../suite/messages';
import { provideWebgpu } from './dawn';

const [name = 'webgpu', how] = process.argv.slice(2);

async function examined() {
  try {
    if (name === 'webgpu') {
      provideWebgpu();
      await import('@tensorflow/tfjs-backend-webgpu');
    }
    if (name === 'wasm') {
      const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
      // They lie beside this file.
      setWasmPaths(fileURLToPath(new URL('./', import.meta.url)));
    }
  } catch (error) {
    const findings = [explain(error, name, 'being loaded')];
    return { ...blankBackend(name, 'fails'), findings };
  }
  return (await doctor({ backends: [name], full: how === 'full' })).backends[0];
}

process.stdout.write(`${MARK}${JSON.stringify(await examined())}\n`, () => process.exit(0));
