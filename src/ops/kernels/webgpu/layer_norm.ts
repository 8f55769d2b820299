/** Normalisation over the last axis with scale and shift, and the gradients of that, on webgpu. */
import type * as tf from '@tensorflow/tfjs-core';

import { AFFINE_NORM_GRAD, LAYER_NORM, LAYER_NORM_GRAD } from '../contract';
import { sizeOf, zeros } from '../graphics';
import { type WebgpuBackend, webgpuKernel } from './backend';
import { ROWS, rowsOf, runProgram, runSingle, type Source, withColumns } from './program';

/** Invocations for a row; a workgroup has one. */
const ACROSS = 64;

/** `total(value)`, the sum over a workgroup, of that type. */
const total = (type: string): string => `
var<workgroup> held : array<${type}, ${ACROSS}>;
fn total(value : ${type}) -> ${type} {
  let local = localIndex;
  held[local] = value;
  workgroupBarrier();
  for (var half = ${ACROSS / 2}u; half > 0u; half = half / 2u) {
    if (local < half) { held[local] += held[local + half]; }
    workgroupBarrier();
  }
  let sum = held[0];
  workgroupBarrier();
  return sum;
}`;

/** The row, and where those of its numbers begin that an invocation has, and end: nowhere beyond the last row. */
const ROW = `
  let row = groupIndex();
  let start = row * uniforms.columns + i32(localIndex);
  let end = select(start, (row + 1) * uniforms.columns, row < uniforms.rows);`;

/** `x`, the mean and `rstd` of a row of X. */
const STATISTICS = `${ROW}
  var sum = 0.0;
  for (var i = start; i < end; i += ${ACROSS}) { sum += X[i]; }
  let mean = total(sum) / f32(uniforms.columns);
  var squares = 0.0;
  for (var i = start; i < end; i += ${ACROSS}) { squares += (X[i] - mean) * (X[i] - mean); }
  let rstd = 1.0 / sqrt(total(squares) / f32(uniforms.columns) + uniforms.epsilon);
  let isFirst = localIndex == 0u && row < uniforms.rows;`;

const NORMALIZE: Source = {
  name: 'layer_norm',
  inputs: ['X'],
  outputs: ['kept'],
  uniforms: { ...ROWS, epsilon: 'f32' },
  threads: ACROSS,
  functions: total('f32'),
  main: `${STATISTICS}
  if (isFirst) { kept[row] = rstd; }
  for (var i = start; i < end; i += ${ACROSS}) { result[i] = (X[i] - mean) * rstd; }`,
};

const NORMALIZE_AFFINE: Source = {
  name: 'layer_norm_affine',
  inputs: ['X', 'Gamma', 'Beta'],
  outputs: ['kept'],
  uniforms: { ...ROWS, epsilon: 'f32' },
  threads: ACROSS,
  functions: total('f32'),
  main: `${STATISTICS}
  if (isFirst) {
    kept[2 * row] = rstd;
    kept[2 * row + 1] = mean;
  }
  for (var i = start; i < end; i += ${ACROSS}) {
    let column = i - row * uniforms.columns;
    result[i] = (X[i] - mean) * rstd * Gamma[column] + Beta[column];
  }`,
};

/** `xhat gamma + beta`, and of each row `rstd` and the mean, `[..., 2]`. */
export function normalizedAffine(
  backend: WebgpuBackend,
  x: tf.TensorInfo,
  gamma: tf.TensorInfo,
  beta: tf.TensorInfo,
  epsilon: number,
): [h: tf.TensorInfo, statistics: tf.TensorInfo] {
  const { rows, columns } = rowsOf(x);
  const shapes = [x.shape, withColumns(x.shape, 2)];
  const values = { rows, columns, epsilon };
  const made = runProgram(backend, NORMALIZE_AFFINE, [x, gamma, beta], shapes, rows, values);
  return made as [tf.TensorInfo, tf.TensorInfo];
}

export const layerNorm = webgpuKernel(LAYER_NORM, (backend, { x }, { epsilon }) => {
  const shapes = [x.shape, withColumns(x.shape, 1)] as const;
  const { rows, columns } = rowsOf(x);
  const [xhat, rstd] =
    rows * columns === 0
      ? shapes.map((shape) => zeros(backend, shape))
      : runProgram(backend, NORMALIZE, [x], shapes, rows, { rows, columns, epsilon });
  return { xhat, rstd } as Record<'xhat' | 'rstd', tf.TensorInfo>;
});

/** Where the normalised values come from: a tensor of them, or what was normalised and its statistics. */
type From = 'xhat' | 'x';
const XHAT: Readonly<Record<From, string>> = { xhat: 'X[i]', x: '(X[i] - mean) * rstd' };
const RSTD: Readonly<Record<From, string>> = {
  xhat: 'let rstd = Statistics[at];',
  x: `let rstd = Statistics[2 * at];
  let mean = Statistics[2 * at + 1];`,
};

/** With means over each row of `d` and of `d xhat`, where `d` is the gradient times gamma. */
const gradient = (from: From, isAffine: boolean): Source => {
  const d = isAffine ? 'D[i] * Gamma[i - row * uniforms.columns]' : 'D[i]';
  return {
    name: `layer_norm_grad_${from}${isAffine ? '_affine' : ''}`,
    inputs: ['D', 'X', 'Statistics', ...(isAffine ? ['Gamma'] : [])],
    uniforms: ROWS,
    threads: ACROSS,
    functions: total('vec2<f32>'),
    main: `${ROW}
  let at = min(row, uniforms.rows - 1);
  ${RSTD[from]}
  var sums = vec2<f32>(0.0);
  for (var i = start; i < end; i += ${ACROSS}) {
    let d = ${d};
    sums += vec2<f32>(d, d * (${XHAT[from]}));
  }
  let means = total(sums) / f32(uniforms.columns);
  for (var i = start; i < end; i += ${ACROSS}) {
    result[i] = rstd * (${d} - means.x - ${XHAT[from]} * means.y);
  }`,
  };
};
const GRADIENTS: Readonly<Record<From, Readonly<Record<'plain' | 'affine', Source>>>> = {
  xhat: { plain: gradient('xhat', false), affine: gradient('xhat', true) },
  x: { plain: gradient('x', false), affine: gradient('x', true) },
};

/**
 * The gradient with respect to what was normalised.
 *
 * @param x normalised values, or, with `from` 'x', what was normalised
 * @param stats rstd; with `from` 'x' as `normalizedAffine` gives them
 * @param gamma of an affine normalisation
 */
export function normalizeGradient(
  backend: WebgpuBackend,
  from: From,
  dy: tf.TensorInfo,
  x: tf.TensorInfo,
  stats: tf.TensorInfo,
  gamma?: tf.TensorInfo,
): tf.TensorInfo {
  if (sizeOf(dy) === 0) return zeros(backend, dy.shape);
  const { rows, columns } = rowsOf(dy);
  const source = GRADIENTS[from][gamma ? 'affine' : 'plain'];
  const tensors = [dy, x, stats, ...(gamma ? [gamma] : [])];
  return runSingle(backend, source, tensors, [dy.shape], rows, { rows, columns });
}

export const layerNormGrad = webgpuKernel(LAYER_NORM_GRAD, (backend, { dy, xhat, rstd }) =>
  normalizeGradient(backend, 'xhat', dy, xhat, rstd),
);

export const affineNormGrad = webgpuKernel(AFFINE_NORM_GRAD, (backend, inputs) =>
  normalizeGradient(backend, 'xhat', inputs.dy, inputs.xhat, inputs.rstd, inputs.gamma),
);
