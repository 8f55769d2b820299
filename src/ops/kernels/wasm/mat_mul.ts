/** The product of matrices, on wasm. */
import * as tf from '@tensorflow/tfjs-core';

import { show } from '../../../common/arguments';
import { MAT_MUL } from '../contract';
import type { AttributesOf } from '../fused';
import {
  floats,
  isAnyEmpty,
  pointer,
  runKernel,
  type WasmBackend,
  wasmKernel,
  withScratch,
  zeros,
} from './backend';
import { transpose } from './layout';
import { simdKernels } from './simd_module';

/** Shape of a product of matrices. */
interface Product {
  m: number;
  n: number;
  k: number;
  transposeA: boolean;
  transposeB: boolean;
}

/** The transposed forms cost as much as the plain one, whereas tfjs's own are ten times slower. */
export const matMul = wasmKernel(MAT_MUL, (backend, { a, b, bias }, attributes) => {
  const product = productOf(a, b, bias, attributes);
  const { m, n, k, transposeA, transposeB } = product;
  if (isAnyEmpty(a, b)) {
    const c = zeros(backend, [m, n]);
    const rows = floats(backend, c);
    if (bias != null) for (let i = 0; i < m; i++) rows.set(floats(backend, bias), i * n);
    return c;
  }
  const simd = simdKernels(backend);
  if (simd == null) return compose(backend, a, b, bias, product);
  const c = backend.makeOutput([m, n], 'float32');
  withScratch(backend, simd.BLOCK_SCRATCH.value, (scratch) => {
    const biasAt = bias == null ? 0 : pointer(backend, bias);
    const [aAt, bAt, cAt] = [pointer(backend, a), pointer(backend, b), pointer(backend, c)];
    const [tA, tB] = [Number(transposeA), Number(transposeB)];
    const strides = [transposeA ? m : k, transposeB ? k : n, n] as const;
    simd.gemm(aAt, bAt, biasAt, cAt, m, n, k, tA, tB, scratch, ...strides);
  });
  return c;
});

function productOf(
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  bias: tf.TensorInfo | undefined,
  { transposeA, transposeB }: AttributesOf<typeof MAT_MUL>,
): Product {
  const [a0, a1] = a.shape as [number, number];
  const [b0, b1] = b.shape as [number, number];
  const [m, k] = transposeA ? [a1, a0] : [a0, a1];
  const [inner, n] = transposeB ? [b1, b0] : [b0, b1];
  const biasFits = bias == null || (bias.shape.length === 1 && bias.shape[0] === n);
  if (a.shape.length !== 2 || b.shape.length !== 2 || k !== inner || !biasFits) {
    throw new Error(
      `${MAT_MUL.name} (wasm): a ${show(a.shape)}${transposeA ? ' transposed' : ''}, b ${show(b.shape)}` +
        `${transposeB ? ' transposed' : ''} and bias ${bias ? `${show(bias.shape)}` : 'none'} do not ` +
        `fit: [M, K], [K, N] and [N] are expected`,
    );
  }
  return { m, n, k, transposeA, transposeB };
}

/**
 * The same with tfjs's kernels, where there is no SIMD. Transposes first, which `transposeA/B` of its
 * products is very slow at. Not with its fused product: that reads a third side off its operands.
 */
function compose(
  backend: WasmBackend,
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  bias: tf.TensorInfo | undefined,
  { m, n, k, transposeA, transposeB }: Product,
): tf.TensorInfo {
  const left = transposeA ? transpose(backend, a, [1, 0]) : a;
  const right = transposeB ? transpose(backend, b, [1, 0]) : b;
  try {
    const operands = { a: { ...left, shape: [1, m, k] }, b: { ...right, shape: [1, k, n] } };
    const plain = { transposeA: false, transposeB: false };
    const product = runKernel(backend, tf.BatchMatMul, operands, plain);
    if (bias == null) return { ...product, shape: [m, n] };
    const sum = runKernel(backend, tf.Add, { a: product, b: bias }, {});
    backend.disposeData(product.dataId);
    return { ...sum, shape: [m, n] };
  } finally {
    if (left !== a) backend.disposeData(left.dataId);
    if (right !== b) backend.disposeData(right.dataId);
  }
}
