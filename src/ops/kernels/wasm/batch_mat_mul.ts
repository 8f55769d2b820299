/** Products of matrices, one per batch entry, on wasm. */
import * as tf from '@tensorflow/tfjs-core';

import { show } from '../../../common/arguments';
import { BATCH_MAT_MUL } from '../contract';
import type { AttributesOf } from '../fused';
import { isAnyEmpty, pointer, type WasmBackend, wasmKernel, withScratch, zeros } from './backend';
import { transpose } from './layout';
import { simdKernels } from './simd_module';

/** Shape of a batch of products. */
interface Products {
  batch: number;
  m: number;
  n: number;
  k: number;
  transposeA: boolean;
  transposeB: boolean;
}

/** tfjs's own product of rank 3 takes a path about ten times slower than that of rank 2. */
export const batchMatMul = wasmKernel(BATCH_MAT_MUL, (backend, { a, b }, attributes) => {
  const products = productsOf(a, b, attributes);
  const { batch, m, n, k, transposeA, transposeB } = products;
  if (isAnyEmpty(a, b)) return zeros(backend, [batch, m, n]);
  const simd = simdKernels(backend);
  if (simd == null) return compose(backend, a, b, products);
  const c = backend.makeOutput([batch, m, n], 'float32');
  withScratch(backend, simd.BLOCK_SCRATCH.value, (scratch) => {
    const [aAt, bAt, cAt] = [pointer(backend, a), pointer(backend, b), pointer(backend, c)];
    const [tA, tB] = [Number(transposeA), Number(transposeB)];
    simd.gemmBatch(aAt, bAt, cAt, batch, m, n, k, tA, tB, scratch);
  });
  return c;
});

function productsOf(
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  { transposeA, transposeB }: AttributesOf<typeof BATCH_MAT_MUL>,
): Products {
  const [batch, a0, a1] = a.shape as [number, number, number];
  const [batchB, b0, b1] = b.shape as [number, number, number];
  const [m, k] = transposeA ? [a1, a0] : [a0, a1];
  const [inner, n] = transposeB ? [b1, b0] : [b0, b1];
  if (a.shape.length !== 3 || b.shape.length !== 3 || batch !== batchB || k !== inner) {
    throw new Error(
      `${BATCH_MAT_MUL.name} (wasm): a ${show(a.shape)}${transposeA ? ' transposed' : ''} and b ` +
        `${show(b.shape)}${transposeB ? ' transposed' : ''} do not fit: [batch, M, K] and ` +
        `[batch, K, N] are expected`,
    );
  }
  return { batch, m, n, k, transposeA, transposeB };
}

/** The same with tfjs's kernels, transposing first: `transposeA/B` of its products is very slow. */
function compose(
  backend: WasmBackend,
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  { transposeA, transposeB }: Products,
): tf.TensorInfo {
  const left = transposeA ? transpose(backend, a, [0, 2, 1]) : a;
  const right = transposeB ? transpose(backend, b, [0, 2, 1]) : b;
  try {
    return tf.getKernel(tf.BatchMatMul, 'wasm').kernelFunc({
      inputs: { a: left, b: right },
      backend,
      attrs: { transposeA: false, transposeB: false },
    }) as tf.TensorInfo;
  } finally {
    if (left !== a) backend.disposeData(left.dataId);
    if (right !== b) backend.disposeData(right.dataId);
  }
}
