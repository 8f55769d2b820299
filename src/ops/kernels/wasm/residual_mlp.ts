/** The half of a ConvNeXt block after its depthwise convolution, on wasm; only with SIMD. */
import type * as tf from '@tensorflow/tfjs-core';

import { RESIDUAL_MLP, RESIDUAL_MLP_KEPT } from '../contract';
import type { InputsOf } from '../fused';
import { requireAlike } from '../graphics';
import type { SimdKernels } from '../simd_module';
import {
  isAnyEmpty,
  pointer,
  pointers,
  type WasmBackend,
  wasmKernel,
  withScratch,
} from './backend';
import {
  forRows,
  forSamples,
  type Half,
  halfOf,
  layOut,
  product,
  rowsAtATime,
  wholeVectors,
} from './half_block';
import { onlyWithSimd, requireSimd } from './only_with_simd';

const BYTES = Float32Array.BYTES_PER_ELEMENT;

/** @param kept whether hidden values are to stay, before the GELU */
function forward(
  backend: WasmBackend,
  simd: SimdKernels,
  half: Half,
  { u, residual }: InputsOf<typeof RESIDUAL_MLP, tf.TensorInfo>,
  kept: tf.TensorInfo | null,
): tf.TensorInfo {
  const { c, m, at } = half;
  const y = backend.makeOutput(u.shape, 'float32');
  const most = rowsAtATime(half);
  const { offsets, bytes } = layOut(most * c, most, most * m);
  withScratch(backend, bytes + simd.BLOCK_SCRATCH.value, (scratch) => {
    const [h, rstd, activated] = offsets.map((offset) => scratch + offset) as [
      number,
      number,
      number,
    ];
    const block = scratch + bytes;
    const [from, plus, to] = pointers(backend, [u, residual, y]);
    const hiddenAt = kept && pointer(backend, kept);
    forRows(half, (first, count) => {
      const offset = BYTES * first * c;
      const hidden = hiddenAt === null ? activated : hiddenAt + BYTES * first * m;
      simd.layerNorm(from + offset, h, rstd, count, c, half.epsilon);
      simd.scaledSum(h, at.gamma, at.beta, h, count, c, 0, 1);
      const expand = { bias: at.expandBias };
      product(simd, block, [h, at.expandKernel, hidden], [count, c, m], expand);
      simd.gelu(hidden, activated, wholeVectors(count * m));
      const project = { bias: at.projectBias };
      product(simd, block, [activated, at.projectKernel, to + offset], [count, m, c], project);
      forSamples(half, first, count, (row, n, factor) => {
        const place = to + BYTES * row * c;
        simd.scaledSum(place, at.layerScale, plus + BYTES * row * c, place, n, c, c, factor);
      });
    });
  });
  return y;
}

export const residualMlp = onlyWithSimd(
  wasmKernel(RESIDUAL_MLP, (backend, inputs, { epsilon }) => {
    requireAlike(RESIDUAL_MLP, 'wasm', [inputs.u, inputs.residual]);
    const half = halfOf(RESIDUAL_MLP, backend, inputs, epsilon);
    if (isAnyEmpty(inputs.u)) return backend.makeOutput(inputs.u.shape, 'float32');
    return forward(backend, requireSimd(backend, RESIDUAL_MLP.name), half, inputs, null);
  }),
);

export const residualMlpKept = onlyWithSimd(
  wasmKernel(RESIDUAL_MLP_KEPT, (backend, inputs, { epsilon }) => {
    requireAlike(RESIDUAL_MLP_KEPT, 'wasm', [inputs.u, inputs.residual]);
    const half = halfOf(RESIDUAL_MLP_KEPT, backend, inputs, epsilon);
    const kept = backend.makeOutput([half.rows, half.m], 'float32');
    if (isAnyEmpty(inputs.u)) return { y: backend.makeOutput(inputs.u.shape, 'float32'), kept };
    const simd = requireSimd(backend, RESIDUAL_MLP_KEPT.name);
    return { y: forward(backend, simd, half, inputs, kept), kept };
  }),
);
