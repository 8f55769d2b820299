/** A worker that tells what a training step of each network would take, without making one. */
import '@tensorflow/tfjs-backend-wasm';

import { memoryPlan } from 'tfjs-revcol/plan';
import type { FromPlanner, PlanRequest } from '../shared/messages';
import { networkOptions } from '../shared/network';
import { stockPeak } from './stock_peak';

const scope = globalThis as unknown as {
  onmessage: (event: MessageEvent<PlanRequest>) => void;
  postMessage: (message: FromPlanner) => void;
};

/** The last request: an older one is not worth going on with. */
let current = 0;

async function answer({ id, side, batch, classes, columns }: PlanRequest): Promise<void> {
  current = id;
  for (const count of columns) {
    // Lets a newer request in.
    await new Promise((resolve) => setTimeout(resolve, 0));
    if (current !== id) return;
    // Memory does not depend on what the pixels are.
    const options = networkOptions({ columns: count, side, data: 'digits' });
    const plan = (backprop: 'reversible' | 'stored') =>
      memoryPlan(
        { name: 'revcol_tiny', ...options, numClasses: classes },
        { backprop, batch, backend: 'wasm', fused: true },
      ).peakBytes;
    scope.postMessage({
      id,
      peaks: {
        columns: count,
        reversible: plan('reversible'),
        stored: plan('stored'),
        stock: stockPeak(options, classes, batch),
      },
    });
  }
}

scope.onmessage = ({ data }) => {
  answer(data).catch((error: unknown) => {
    scope.postMessage({ id: data.id, message: String(error) });
  });
};
