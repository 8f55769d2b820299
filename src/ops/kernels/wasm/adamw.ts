/** AdamW with moments in float32, on wasm; only with SIMD. */
import type * as tf from '@tensorflow/tfjs-core';

import { show } from '../../../common/arguments';
import { ADAMW } from '../contract';
import { pointer, sizeOf, wasmKernel } from './backend';
import { onlyWithSimd, requireSimd } from './only_with_simd';

/** One pass, where operations of tfjs take about twelve, each over as much memory as the weight. */
export const adamw = onlyWithSimd(
  wasmKernel(ADAMW, (backend, { weight, gradient, m, v }, factors) => {
    const moments = [m, v].filter((info) => info !== undefined);
    const alike = [gradient, ...moments].every((info) => sizeOf(info) === sizeOf(weight));
    if (!alike || moments.length === 1) {
      const shapes = [gradient, m, v].map((info) => (info ? show(info.shape) : 'none'));
      throw new Error(
        `${ADAMW.name} (wasm): weight ${show(weight.shape)}, gradient ${shapes[0]}, m ${shapes[1]} and v ` +
          `${shapes[2]}; all must be alike, and moments are both there or neither`,
      );
    }
    const make = () => backend.makeOutput(weight.shape, 'float32');
    const outputs = { updated: make(), newM: make(), newV: make() };
    const simd = requireSimd(backend, ADAMW.name);
    const at = (info: tf.TensorInfo | undefined) => (info ? pointer(backend, info) : 0);
    const { beta1, beta2, kept, size, epsilon } = factors;
    simd.adamw(
      ...[weight, gradient, m, v, outputs.updated, outputs.newM, outputs.newV].map(at),
      ...[sizeOf(weight), beta1, beta2, 1 - beta1, 1 - beta2, kept, size, epsilon],
    );
    return outputs;
  }),
);
