/** What `doctor.test.ts` runs in a page: the doctor, and things that go wrong meanwhile. */
import '@tensorflow/tfjs-backend-webgpu';
import * as tf from '@tensorflow/tfjs';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';

import { doctor, type DoctorReport, doctorText } from 'tfjs-revcol/doctor';

interface Wanted {
  backends?: string[];
  /** Where the files of wasm are. */
  wasmPath?: string;
  /** Takes webgl's context away when this is being done. */
  loseAt?: string;
}

interface WebglBackend {
  gpgpu: { gl: WebGL2RenderingContext };
}

async function examine({ backends, wasmPath = '/wasm/', loseAt }: Wanted): Promise<{
  report: DoctorReport;
  text: string;
  tensors: number;
}> {
  setWasmPaths(new URL(wasmPath, location.href).href);
  const report = await doctor({
    backends,
    onProgress: ({ doing }) => {
      if (doing !== loseAt) return;
      const { gl } = (tf.backend() as unknown as WebglBackend).gpgpu;
      gl.getExtension('WEBGL_lose_context')?.loseContext();
    },
  });
  return { report, text: doctorText(report), tensors: tf.engine().state.numTensors };
}

export type Examine = typeof examine;

Object.assign(globalThis, { examine });
