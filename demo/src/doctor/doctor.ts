/** A worker that tells which backends work in this browser; loaded when somebody asks. */
import '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-webgpu';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';

import { doctor, doctorText } from 'tfjs-revcol/doctor';
import type { FromDoctor } from '../shared/messages';

const scope = globalThis as unknown as {
  location: Location;
  postMessage: (message: FromDoctor) => void;
};

// In a worker tfjs needs an absolute address.
setWasmPaths(new URL('wasm/', scope.location.href).href);
doctor({
  onProgress: ({ backend, doing }) => scope.postMessage({ doing: `${backend}: ${doing}` }),
}).then(
  (report) => scope.postMessage({ text: doctorText(report) }),
  (error: unknown) => scope.postMessage({ text: String(error) }),
);
