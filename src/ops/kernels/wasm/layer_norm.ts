/** Normalisation over the last axis and its gradient, on wasm. */
import type * as tf from '@tensorflow/tfjs-core';

import { show } from '../../../common/arguments';
import { AFFINE_NORM_GRAD, LAYER_NORM, LAYER_NORM_GRAD } from '../contract';
import { floats, isAnyEmpty, pointer, sizeOf, wasmKernel, zeros } from './backend';
import { onlyWithSimd, requireSimd } from './only_with_simd';
import { simdKernels } from './simd_module';

export const layerNorm = wasmKernel(LAYER_NORM, (backend, { x }, { epsilon }) => {
  if (!(epsilon >= 0)) {
    throw new Error(`${LAYER_NORM.name} (wasm): epsilon ${epsilon} is not a number >= 0`);
  }
  const columns = lastAxis(LAYER_NORM.name, x);
  const scaleShape = [...x.shape.slice(0, -1), 1];
  if (isAnyEmpty(x)) return { xhat: zeros(backend, x.shape), rstd: zeros(backend, scaleShape) };
  const rows = sizeOf(x) / columns;
  const xhat = backend.makeOutput(x.shape, 'float32');
  const rstd = backend.makeOutput(scaleShape, 'float32');
  const simd = simdKernels(backend);
  if (simd != null) {
    const [from, to] = [pointer(backend, x), pointer(backend, xhat)];
    simd.layerNorm(from, to, pointer(backend, rstd), rows, columns, epsilon);
    return { xhat, rstd };
  }
  const normalized = floats(backend, xhat);
  const scales = floats(backend, rstd);
  normalized.set(floats(backend, x));
  for (let row = 0; row < rows; row++) {
    const values = normalized.subarray(row * columns, (row + 1) * columns);
    const mean = values.reduce((sum, value) => sum + value, 0) / columns;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / columns;
    const scale = 1 / Math.sqrt(variance + epsilon);
    values.forEach((value, i) => {
      values[i] = (value - mean) * scale;
    });
    scales[row] = scale;
  }
  return { xhat, rstd };
});

export const layerNormGrad = wasmKernel(LAYER_NORM_GRAD, (backend, { dy, xhat, rstd }) => {
  const columns = lastAxis(LAYER_NORM_GRAD.name, dy);
  const rows = columns === 0 ? 0 : sizeOf(dy) / columns;
  if (sizeOf(xhat) !== sizeOf(dy) || (columns > 0 && sizeOf(rstd) !== rows)) {
    throw new Error(
      `${LAYER_NORM_GRAD.name} (wasm): dy has shape ${show(dy.shape)}, xhat ${show(xhat.shape)}, rstd ` +
        `${show(rstd.shape)}; xhat must be like dy, and rstd like dy with 1 as the last axis`,
    );
  }
  if (isAnyEmpty(dy)) return zeros(backend, dy.shape);
  const dx = backend.makeOutput(dy.shape, 'float32');
  const simd = simdKernels(backend);
  if (simd != null) {
    const [g, x, scale] = [pointer(backend, dy), pointer(backend, xhat), pointer(backend, rstd)];
    simd.layerNormGrad(g, x, scale, pointer(backend, dx), rows, columns);
    return dx;
  }
  const out = floats(backend, dx);
  const [upstream, normalized] = [floats(backend, dy), floats(backend, xhat)];
  const scales = floats(backend, rstd);
  for (let row = 0; row < rows; row++) {
    const [from, to] = [row * columns, (row + 1) * columns];
    const x = normalized.subarray(from, to);
    const g = upstream.subarray(from, to);
    const mean = g.reduce((sum, value) => sum + value, 0) / columns;
    const along = g.reduce((sum, value, i) => sum + value * (x[i] as number), 0) / columns;
    g.forEach((value, i) => {
      out[from + i] = (scales[row] as number) * (value - mean - (x[i] as number) * along);
    });
  }
  return dx;
});

export const affineNormGrad = onlyWithSimd(
  wasmKernel(AFFINE_NORM_GRAD, (backend, { dy, gamma, xhat, rstd }) => {
    const columns = lastAxis(AFFINE_NORM_GRAD.name, dy);
    const rows = columns === 0 ? 0 : sizeOf(dy) / columns;
    const fits = sizeOf(xhat) === sizeOf(dy) && sizeOf(rstd) === rows && sizeOf(gamma) === columns;
    if (columns > 0 && !fits) {
      const shapes = [dy, gamma, xhat, rstd].map(({ shape }) => show(shape)).join(', ');
      throw new Error(
        `${AFFINE_NORM_GRAD.name} (wasm): dy, gamma, xhat and rstd have shapes ${shapes}; xhat must be like dy, ` +
          `gamma have its last axis, and rstd be like dy with 1 as the last axis`,
      );
    }
    const dx = backend.makeOutput(dy.shape, 'float32');
    if (isAnyEmpty(dy)) return dx;
    const simd = requireSimd(backend, AFFINE_NORM_GRAD.name);
    const at = (info: tf.TensorInfo) => pointer(backend, info);
    simd.scaledSum(at(dy), at(gamma), 0, at(dx), rows, columns, 0, 1);
    simd.layerNormGrad(at(dx), at(xhat), at(rstd), at(dx), rows, columns);
    return dx;
  }),
);

function lastAxis(kernelName: string, x: tf.TensorInfo): number {
  const columns = x.shape[x.shape.length - 1];
  if (columns === undefined) {
    throw new Error(`${kernelName} (wasm): a scalar has no axis to normalise over`);
  }
  return columns;
}
