/** Products of matrices on webgpu, one or a batch of them. */
import type * as tf from '@tensorflow/tfjs-core';

import { show } from '../../../common/arguments';
import { BATCH_MAT_MUL, type KernelContract, MAT_MUL } from '../contract';
import { zeros } from '../graphics';
import { type WebgpuBackend, webgpuKernel, withTemporaries } from './backend';
import { type Form, multiply, partsFor, PLAIN } from './products';
import { inParts, partition } from './sums';

interface Transposed {
  transposeA: boolean;
  transposeB: boolean;
}

/** `[m, k, n]`, and before them the sizes of the axes that the factors have in common. */
function sizesOf(
  { name }: KernelContract,
  rank: number,
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  { transposeA, transposeB }: Transposed,
): [batch: number, m: number, k: number, n: number] {
  const given = `${name} (webgpu): a and b have shapes ${show(a.shape)} and ${show(b.shape)}`;
  if (a.shape.length !== rank || b.shape.length !== rank) {
    throw new Error(`${given}; both must have ${rank} axes`);
  }
  const matrix = ({ shape }: tf.TensorInfo, isTransposed: boolean) => {
    const sides = shape.slice(-2) as [number, number];
    return isTransposed ? sides.reverse() : sides;
  };
  const [m, k] = matrix(a, transposeA) as [number, number];
  const [terms, n] = matrix(b, transposeB) as [number, number];
  if (k !== terms) {
    throw new Error(
      `${given}, with transposeA ${transposeA} and transposeB ${transposeB}; the inner sizes must be alike`,
    );
  }
  const [batch, other] = rank === 2 ? [1, 1] : [a.shape[0] as number, b.shape[0] as number];
  if (batch !== other) throw new Error(`${given}; the first axes must be alike`);
  return [batch, m, k, n];
}

export const matMul = webgpuKernel(MAT_MUL, (backend, { a, b, bias }, transposed) => {
  const [, m, k, n] = sizesOf(MAT_MUL, 2, a, b, transposed);
  if (m * n === 0) return zeros(backend, [m, n]);
  if (k === 0) return ofNothing(backend, m, n, bias);
  const form: Form = { ...PLAIN, ...transposed, after: bias ? 'bias' : 'nothing' };
  const tensors = bias ? [a, b, bias] : [a, b];
  // A bias belongs to the sum, not to its parts.
  const { parts, count: part } = partition(k, bias ? 1 : partsFor(m, k, n));
  const sizes = { rows: m, terms: k, columns: n, count: parts, part };
  const [product] = inParts(backend, parts, [[m, n]], (shapes) =>
    multiply(backend, form, tensors, shapes, sizes),
  );
  return product as tf.TensorInfo;
});

/** A product of matrices without an inner axis, which is the bias in each row. */
function ofNothing(
  backend: WebgpuBackend,
  m: number,
  n: number,
  bias: tf.TensorInfo | undefined,
): tf.TensorInfo {
  if (!bias) return zeros(backend, [m, n]);
  return withTemporaries(backend, (temporary) => {
    const [a, b] = [temporary(zeros(backend, [m, 1])), temporary(zeros(backend, [1, n]))];
    const sizes = { rows: m, terms: 1, columns: n, count: 1, part: 1 };
    const form: Form = { ...PLAIN, after: 'bias' };
    return multiply(backend, form, [a, b, bias], [[m, n]], sizes)[0] as tf.TensorInfo;
  });
}

export const batchMatMul = webgpuKernel(BATCH_MAT_MUL, (backend, { a, b }, transposed) => {
  const [batch, m, k, n] = sizesOf(BATCH_MAT_MUL, 3, a, b, transposed);
  const shape = [batch, m, n];
  if (batch * m * k * n === 0) return zeros(backend, shape);
  const form: Form = { ...PLAIN, ...transposed, first: 'batch' };
  const sizes = { rows: m, terms: k, columns: n, count: batch, part: k };
  return multiply(backend, form, [a, b], [shape], sizes)[0] as tf.TensorInfo;
});
