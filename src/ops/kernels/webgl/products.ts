/** Products of matrices on webgl, with what comes after them in the same program. */
import * as tf from '@tensorflow/tfjs-core';

import { show } from '../../../common/arguments';
import { MAT_MUL } from '../contract';
import { zeros } from '../graphics';
import { type WebglBackend, webglKernel, withTemporaries } from './backend';
import { NORMAL } from './gelu';
import { layoutOf, moveOver, runProgram, type Source, withColumns } from './program';

/** What is done to a product, each with the tensors that it takes and the functions that it needs. */
const AFTER = {
  nothing: { inputs: [], functions: '', code: '' },
  bias: { inputs: ['Bias'], functions: '', code: 'v += atBias(0, at.y, width).xyxy;' },
  gelu: { inputs: ['Bias'], functions: NORMAL, code: 'v = gelu(v + atBias(0, at.y, width).xyxy);' },
  geluSlope: {
    inputs: ['Hidden'],
    functions: NORMAL,
    code: 'v *= geluSlope(atHidden(at.x, at.y, width));',
  },
  scaled: {
    inputs: ['Bias', 'Scale'],
    functions: '',
    code: 'v = (v + atBias(0, at.y, width).xyxy) * atScale(0, at.y, width).xyxy;',
  },
  residual: {
    inputs: ['Bias', 'Scale', 'Residual'],
    functions: '',
    code: `v = (v + atBias(0, at.y, width).xyxy) * atScale(0, at.y, width).xyxy
      + atResidual(at.x, at.y, width);`,
  },
} as const;

export type After = keyof typeof AFTER;

/**
 * Rows of A times a matrix B, or its transpose. An element beyond an odd last column of A may be no number, so
 * that it is left out. size: rows and columns of A, columns of the product.
 */
const rowProducts = (transposeB: boolean, after: After): Source => ({
  inputs: ['A', 'B', ...AFTER[after].inputs],
  uniforms: { size: 'ivec3' },
  functions: AFTER[after].functions,
  main: `
  int inner = (size.y + 1) / 2;
  int width = (size.z + 1) / 2;
  ivec2 at = here(width);
  vec4 v = vec4(0.);
  vec4 part = vec4(0.);
  int whole = size.y / 2;
  for (int k = 0; k < whole; k++) {
    vec4 a = atA(at.x, k, inner);
    vec4 b = ${transposeB ? 'atB(at.y, k, inner)' : 'atB(k, at.y, width)'};
    part += a.xxzz * ${transposeB ? 'b.xzxz' : 'b.xyxy'};
    part += a.yyww * ${transposeB ? 'b.ywyw' : 'b.zwzw'};
    ${moveOver('k', 'part', 'v')}
  }
  v += part;
  if (whole < inner) {
    vec4 b = ${transposeB ? 'atB(at.y, whole, inner)' : 'atB(whole, at.y, width)'};
    v += atA(at.x, whole, inner).xxzz * ${transposeB ? 'b.xzxz' : 'b.xyxy'};
  }
  ${AFTER[after].code}
  setOutput(inside(v, at.x, size.x, at.y, size.z));`,
});

/**
 * `a b` or `a b^T` over the last axis of a: a `[..., k]`, b `[k, n]` or `[n, k]`. Gives `[..., n]`.
 *
 * @param more what `after` takes
 */
export function multiplyRows(
  backend: WebglBackend,
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  transposeB: boolean,
  after: After,
  more: readonly tf.TensorInfo[],
): tf.TensorInfo {
  const columns = b.shape[transposeB ? 0 : 1] as number;
  const layout = layoutOf(a.shape);
  const size = [layout.rows, layout.columns, columns];
  const shape = withColumns(a.shape, columns);
  return runProgram(backend, rowProducts(transposeB, after), [a, b, ...more], shape, { size });
}

/**
 * Sums over rows of the products of their elements. size: rows, columns of A, columns of B, row pairs. With
 * `ones` the result has one row more, of the sums of B alone.
 */
const columnProducts = (ones: boolean): Source => ({
  inputs: ['A', 'B'],
  uniforms: { size: 'ivec4' },
  main: `
  int height = (size.y + 1) / 2;
  int width = (size.z + 1) / 2;
  ivec2 at = here(width);
  int rows = size.y${ones ? ' + 1' : ''};
  vec4 v = vec4(0.);
  vec4 part = vec4(0.);
  for (int p = 0; p < size.w; p++) {
    vec4 a = ${ones ? 'at.x < height ? atA(p, at.x, height) : vec4(0.)' : 'atA(p, at.x, height)'};
    vec4 b = atB(p, at.y, width);
    ${
      ones
        ? `if (2 * at.x == size.y) a.xz = vec2(1.);
    if (2 * at.x + 1 == size.y) a.yw = vec2(1.);`
        : ''
    }
    if (isLone(p, size.x)) {
      a.zw = vec2(0.);
      b.zw = vec2(0.);
    }
    part += a.xxyy * b.xyxy;
    part += a.zzww * b.zwzw;
    ${moveOver('p', 'part', 'v')}
  }
  v += part;
  if (2 * at.x + 1 >= rows) v.zw = vec2(0.);
  if (isLast(at.y, size.z)) v.yw = vec2(0.);
  setOutput(v);`,
});

/** `a^T b` over all axes but the last: a `[..., m]`, b `[..., n]`. Gives `[m, n]`, with `ones` `[m + 1, n]`. */
export function multiplyColumns(
  backend: WebglBackend,
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  ones = false,
): tf.TensorInfo {
  const { rows, columns, pairs } = layoutOf(a.shape);
  const last = layoutOf(b.shape).columns;
  const shape = [columns + (ones ? 1 : 0), last];
  const size = [rows, columns, last, pairs];
  return runProgram(backend, columnProducts(ones), [a, b], shape, { size });
}

/** tfjs's own program, for what is rare or better done otherwise. */
function byTfjs(
  backend: WebglBackend,
  inputs: tf.NamedTensorInfoMap,
  attrs: { transposeA: boolean; transposeB: boolean },
): tf.TensorInfo {
  return tf.getKernel(tf._FusedMatMul, 'webgl').kernelFunc({
    inputs,
    backend,
    attrs: { ...attrs, activation: 'linear' },
  }) as tf.TensorInfo;
}

/** From so many terms on, tfjs adds up the elements of a single row or column side by side. */
const TERMS_OF_A_VECTOR = 1000;

export const matMul = webglKernel(
  MAT_MUL,
  (backend, { a, b, bias }, { transposeA, transposeB }) => {
    const [m, k] = transposeA ? [...a.shape].reverse() : a.shape;
    const n = b.shape[transposeB ? 0 : 1];
    if (m === undefined || k === undefined || n === undefined) {
      throw new Error(
        `${MAT_MUL.name} (webgl): a and b have shapes ${show(a.shape)} and ${show(b.shape)}; both must be matrices`,
      );
    }
    if (k !== b.shape[transposeB ? 1 : 0]) {
      throw new Error(
        `${MAT_MUL.name} (webgl): a has shape ${show(a.shape)} and b ${show(b.shape)}, with transposeA ` +
          `${transposeA} and transposeB ${transposeB}; the inner sizes must be alike`,
      );
    }
    if (m * n === 0) return zeros(backend, [m, n]);
    if (k === 0) return ofNothing(backend, m, n, bias);
    const isVector = Math.min(m, n) === 1 && k > TERMS_OF_A_VECTOR && !bias;
    if (isVector || (transposeA && (transposeB || bias))) {
      return byTfjs(backend, bias ? { a, b, bias } : { a, b }, { transposeA, transposeB });
    }
    if (transposeA) return multiplyColumns(backend, a, b);
    return bias
      ? multiplyRows(backend, a, b, transposeB, 'bias', [bias])
      : multiplyRows(backend, a, b, transposeB, 'nothing', []);
  },
);

/** A product of matrices without an inner axis, which is the bias in each row. */
function ofNothing(
  backend: WebglBackend,
  m: number,
  n: number,
  bias: tf.TensorInfo | undefined,
): tf.TensorInfo {
  if (!bias) return zeros(backend, [m, n]);
  return withTemporaries(backend, (temporary) => {
    const [a, b] = [temporary(zeros(backend, [m, 1])), temporary(zeros(backend, [1, n]))];
    return multiplyRows(backend, a, b, false, 'bias', [bias]);
  });
}
