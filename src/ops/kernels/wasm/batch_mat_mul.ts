/** Products of matrices, one per batch entry, on wasm. */
import * as tf from '@tensorflow/tfjs-core';

import { show } from '../../../common/arguments';
import { BATCH_MAT_MUL } from '../contract';
import type { AttributesOf } from '../fused';
import type { SimdKernels } from '../simd_module';
import {
  isAnyEmpty,
  pointer,
  runKernel,
  sizeOf,
  type WasmBackend,
  wasmKernel,
  withScratch,
  zeros,
} from './backend';
import { transpose } from './layout';
import { repairKernel } from './repair';
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
  const { batch, m, n } = products;
  if (isAnyEmpty(a, b)) return zeros(backend, [batch, m, n]);
  const simd = simdKernels(backend);
  if (simd == null) return compose(backend, a, b, products);
  return multiply(backend, simd, a, b, products);
});

/** Products of operands of rank 3. */
function multiply(
  backend: WasmBackend,
  simd: SimdKernels,
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  attributes: AttributesOf<typeof BATCH_MAT_MUL>,
): tf.TensorInfo {
  const { batch, m, n, k, transposeA, transposeB } = productsOf(a, b, attributes);
  const c = backend.makeOutput([batch, m, n], 'float32');
  withScratch(backend, simd.BLOCK_SCRATCH.value, (scratch) => {
    const [aAt, bAt, cAt] = [pointer(backend, a), pointer(backend, b), pointer(backend, c)];
    const [tA, tB] = [Number(transposeA), Number(transposeB)];
    simd.gemmBatch(aAt, bAt, cAt, batch, m, n, k, tA, tB, scratch);
  });
  return c;
}

/** Work of a product, in multiplications, below which it does not matter which kernel does it. */
const MIN_PRODUCTS = 1 << 16;

/**
 * `tf.matMul` itself, as in stock dense layers and their gradients: with `transposeA/B` it takes tfjs ten times
 * as long as without, and a row times a matrix takes three times as long as reading the matrix. Operands of as
 * many batch entries each; where one is broadcast tfjs's own kernel computes. Of operands without elements tfjs
 * gives what the memory held, or divides by zero.
 */
export const stockMatMul = repairKernel({
  name: tf.BatchMatMul,
  inputs: { a: 'float32', b: 'float32' },
  when: ({ a, b }: Record<'a' | 'b', tf.TensorInfo>, attrs: tf.BatchMatMulAttrs) => {
    const isFloat = a.dtype === 'float32' && b.dtype === 'float32';
    const fits = tf.util.arraysEqual(a.shape.slice(0, -2), b.shape.slice(0, -2));
    const inner = a.shape.at(attrs.transposeA ? -2 : -1);
    const isInner = inner === b.shape.at(attrs.transposeB ? -1 : -2);
    const columns = b.shape.at(attrs.transposeB ? -2 : -1) as number;
    if (!isFloat || !isInner) return false;
    return isAnyEmpty(a, b) || (fits && sizeOf(a) * columns >= MIN_PRODUCTS);
  },
  run(backend, { a, b }, attrs, _, replaced) {
    const [outer, outerB] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
    if (isAnyEmpty(a, b)) {
      const batch = tf.broadcast_util.assertAndGetBroadcastShape(outer, outerB);
      const rows = a.shape.at(attrs.transposeA ? -1 : -2) as number;
      const columns = b.shape.at(attrs.transposeB ? -2 : -1) as number;
      return zeros(backend, [...batch, rows, columns]);
    }
    const flat = (x: tf.TensorInfo) => ({
      ...x,
      shape: [sizeOf(x) / matrix(x), ...x.shape.slice(-2)],
    });
    const simd = simdKernels(backend);
    if (simd === null) return replaced(attrs);
    const { shape, ...c } = multiply(backend, simd, flat(a), flat(b), attrs);
    return { ...c, shape: [...outer, ...shape.slice(-2)] };
  },
});

/** Numbers of one matrix of a batch. */
function matrix({ shape }: tf.TensorInfo): number {
  return tf.util.sizeFromShape(shape.slice(-2));
}

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
    const plain = { transposeA: false, transposeB: false };
    return runKernel(backend, tf.BatchMatMul, { a: left, b: right }, plain);
  } finally {
    if (left !== a) backend.disposeData(left.dataId);
    if (right !== b) backend.disposeData(right.dataId);
  }
}
