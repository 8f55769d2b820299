/** Backend cpu: plain JavaScript. */
import type { BackendFacts } from './facts';

export function cpuFacts(): BackendFacts {
  return {
    facts: {},
    findings: [
      {
        kind: 'slow',
        code: 'plain-javascript',
        text: 'cpu computes in plain JavaScript, ten times slower than wasm',
        // For where nothing is known of others.
        advice:
          'use wasm, from @tensorflow/tfjs-backend-wasm, or in Node tensorflow, from @tensorflow/tfjs-node',
      },
    ],
  };
}
