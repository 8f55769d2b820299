/** Attention and its gradients without a matrix of all scores, on wasm; only with SIMD. */
import type * as tf from '@tensorflow/tfjs-core';

import { type AttentionShape, attentionShape, requireOutputs } from '../attention_shape';
import { ATTENTION, ATTENTION_GRAD } from '../contract';
import { SCORES_AT_A_TIME, type SimdKernels } from '../simd_module';
import { floats, pointer, type WasmBackend, wasmKernel, withScratch } from './backend';
import { onlyWithSimd, requireSimd } from './only_with_simd';

/** Queries at a time: all keys are packed anew for each lot. */
const MOST_QUERIES = 64;
const LEAST_QUERIES = 4;
/** Stands for "all keys are seen"; see `assembly/attention.ts`. */
const ALL = 0x40000000;
const BYTES = Float32Array.BYTES_PER_ELEMENT;

export const attention = onlyWithSimd(
  wasmKernel(ATTENTION, (backend, inputs, attributes) => {
    const shape = attentionShape(ATTENTION, 'wasm', inputs, attributes);
    const { batch, t, valueWidth, heads } = shape;
    const output = backend.makeOutput([batch, t, valueWidth], 'float32');
    const simd = requireSimd(backend, ATTENTION.name);
    const { query, key, value, bias } = inputs;
    withWorkspace(backend, simd, shape, bias, 1, (numbers, biasAt) => {
      const operands = [query, key, value].map((info) => pointer(backend, info));
      simd.attention(...operands, biasAt, pointer(backend, output), 0, batch * heads, ...numbers);
    });
    return output;
  }),
);

export const attentionGrad = onlyWithSimd(
  wasmKernel(ATTENTION_GRAD, (backend, inputs, attributes) => {
    const shape = attentionShape(ATTENTION_GRAD, 'wasm', inputs, attributes);
    const { query, key, value, output, dOutput, bias } = inputs;
    const { batch, heads } = shape;
    requireOutputs('wasm', shape, inputs);
    const [dQuery, dKey, dValue] = [query, key, value].map(({ shape: s }) =>
      backend.makeOutput(s, 'float32'),
    ) as [tf.TensorInfo, tf.TensorInfo, tf.TensorInfo];
    const simd = requireSimd(backend, ATTENTION_GRAD.name);
    withWorkspace(backend, simd, shape, bias, 2, (numbers, biasAt) => {
      const operands = [query, key, value].map((info) => pointer(backend, info));
      const rest = [output, dOutput, dQuery, dKey, dValue].map((info) => pointer(backend, info));
      simd.attentionGrad(...operands, biasAt, ...rest, 0, batch * heads, ...numbers);
    });
    return { dQuery, dKey, dValue };
  }),
);

/**
 * Runs `fn` with the numbers that both kernels take after the range of heads, scratch memory last, and with
 * the address of the bias, 0 for none.
 *
 * @param rowsPerQuery rows of scores that are needed for each query at a time
 */
function withWorkspace(
  backend: WasmBackend,
  simd: SimdKernels,
  { batch, t, s, heads, width, valueWidth, scale, causalOffset }: AttentionShape,
  bias: tf.TensorInfo | undefined,
  rowsPerQuery: number,
  fn: (numbers: number[], biasAt: number) => void,
): void {
  // Kernels read whole vectors of 4.
  const padded = Math.ceil(s / 4) * 4;
  const fitting = Math.floor(SCORES_AT_A_TIME / padded / LEAST_QUERIES) * LEAST_QUERIES;
  const tile = Math.min(MOST_QUERIES, Math.max(LEAST_QUERIES, fitting));
  const block = simd.BLOCK_SCRATCH.value + rowsPerQuery * tile * padded * BYTES;
  withScratch(backend, block + (bias ? batch * padded * BYTES : 0), (scratch) => {
    if (bias) {
      const heap = new Float32Array(backend.wasm.HEAPU8.buffer, scratch + block, batch * padded);
      const values = floats(backend, bias);
      heap.fill(0);
      for (let b = 0; b < batch; b++) heap.set(values.subarray(b * s, (b + 1) * s), b * padded);
    }
    const offset = Math.max(-ALL, Math.min(causalOffset, ALL));
    const depths = [width / heads, valueWidth / heads];
    const numbers = [heads, t, s, ...depths, scale, Math.trunc(offset), padded, tile, scratch];
    fn(numbers, bias ? scratch + block : 0);
  });
}
