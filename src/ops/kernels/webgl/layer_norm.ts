/** Normalisation over the last axis with scale and shift, and the gradients of that, on webgl. */
import type * as tf from '@tensorflow/tfjs-core';

import { AFFINE_NORM_GRAD, LAYER_NORM, LAYER_NORM_GRAD } from '../contract';
import { sizeOf, zeros } from '../graphics';
import { type WebglBackend, webglKernel, withTemporaries } from './backend';
import { runProgram, SIZE, sizeUniform, type Source, withColumns } from './program';

const TEXEL = `
  int width = (size.y + 1) / 2;
  ivec2 at = here(width);`;

const STATISTICS: Source = {
  inputs: ['X'],
  uniforms: { ...SIZE, epsilon: 'float' },
  main: `
  int width = (size.y + 1) / 2;
  int pair = here(1).x;
  vec2 sum = vec2(0.);
  for (int i = 0; i < width; i++) {
    vec4 x = inside(atX(pair, i, width), pair, size.x, i, size.y);
    sum += x.xz + x.yw;
  }
  vec2 mean = sum / float(size.y);
  vec2 squares = vec2(0.);
  for (int i = 0; i < width; i++) {
    vec4 d = inside(atX(pair, i, width) - mean.xxyy, pair, size.x, i, size.y);
    squares += d.xz * d.xz + d.yw * d.yw;
  }
  vec2 rstd = 1. / sqrt(squares / float(size.y) + epsilon);
  setOutput(vec4(rstd.x, mean.x, rstd.y, mean.y));`,
};

/**
 * `1 / sqrt(variance + epsilon)` of each row of x, `[..., 1]`. The texels have the means beside it, where a
 * tensor of one column has nothing, for the programs here to read.
 */
export function statistics(
  backend: WebglBackend,
  x: tf.TensorInfo,
  epsilon: number,
): tf.TensorInfo {
  const values = { ...sizeUniform(x), epsilon: [epsilon] };
  return runProgram(backend, STATISTICS, [x], withColumns(x.shape, 1), values);
}

const NORMALIZED = `(atX(at.x, at.y, width) - s.yyww) * s.xxzz`;

const NORMALIZE: Source = {
  inputs: ['X', 'S'],
  uniforms: SIZE,
  main: `${TEXEL}
  vec4 s = atS(at.x, 0, 1);
  setOutput(inside(${NORMALIZED}, at.x, size.x, at.y, size.y));`,
};

const NORMALIZE_AFFINE: Source = {
  inputs: ['X', 'S', 'Gamma', 'Beta'],
  uniforms: SIZE,
  main: `${TEXEL}
  vec4 s = atS(at.x, 0, 1);
  vec4 y = ${NORMALIZED} * atGamma(0, at.y, width).xyxy + atBeta(0, at.y, width).xyxy;
  setOutput(inside(y, at.x, size.x, at.y, size.y));`,
};

/** `xhat gamma + beta` with the statistics of x. */
export function normalizedAffine(
  backend: WebglBackend,
  x: tf.TensorInfo,
  stats: tf.TensorInfo,
  gamma: tf.TensorInfo,
  beta: tf.TensorInfo,
): tf.TensorInfo {
  return runProgram(backend, NORMALIZE_AFFINE, [x, stats, gamma, beta], x.shape, sizeUniform(x));
}

export const layerNorm = webglKernel(LAYER_NORM, (backend, { x }, { epsilon }) => {
  if (sizeOf(x) === 0) {
    return { xhat: zeros(backend, x.shape), rstd: zeros(backend, withColumns(x.shape, 1)) };
  }
  const rstd = statistics(backend, x, epsilon);
  return { xhat: runProgram(backend, NORMALIZE, [x, rstd], x.shape, sizeUniform(x)), rstd };
});

/** Where the normalised values come from: a tensor of them, or what was normalised and its statistics. */
type From = 'xhat' | 'x';
const XHAT: Readonly<Record<From, string>> = {
  xhat: 'atX(at.x, at.y, width)',
  x: NORMALIZED,
};
const scaled = (isAffine: boolean) => (isAffine ? ' * atGamma(0, at.y, width).xyxy' : '');
const gammaOf = (isAffine: boolean) => (isAffine ? ['Gamma'] : []);

/** Means over each row of `d` and of `d xhat`, where `d` is the gradient times gamma. */
const gradientMeans = (from: From, isAffine: boolean): Source => ({
  inputs: ['D', 'X', 'S', ...gammaOf(isAffine)],
  uniforms: SIZE,
  main: `
  int width = (size.y + 1) / 2;
  ivec2 at = here(1);
  vec4 s = atS(at.x, 0, 1);
  vec4 sums = vec4(0.);
  for (int i = 0; i < width; i++) {
    at.y = i;
    vec4 d = inside(atD(at.x, i, width)${scaled(isAffine)}, at.x, size.x, i, size.y);
    vec4 along = inside(d * ${XHAT[from]}, at.x, size.x, i, size.y);
    sums += vec4(d.x + d.y, along.x + along.y, d.z + d.w, along.z + along.w);
  }
  setOutput(sums / float(size.y));`,
});

const gradient = (from: From, isAffine: boolean): Source => ({
  inputs: ['D', 'X', 'S', 'Means', ...gammaOf(isAffine)],
  uniforms: SIZE,
  main: `${TEXEL}
  vec4 s = atS(at.x, 0, 1);
  vec4 means = atMeans(at.x, 0, 1);
  vec4 d = atD(at.x, at.y, width)${scaled(isAffine)};
  vec4 dx = s.xxzz * (d - means.xxzz - ${XHAT[from]} * means.yyww);
  setOutput(inside(dx, at.x, size.x, at.y, size.y));`,
});

/**
 * The gradient with respect to what was normalised.
 *
 * @param x normalised values, or, with `from` 'x', what was normalised
 * @param stats rstd; with `from` 'x' as `statistics` gives it
 * @param gamma of an affine normalisation
 */
export function normalizeGradient(
  backend: WebglBackend,
  from: From,
  dy: tf.TensorInfo,
  x: tf.TensorInfo,
  stats: tf.TensorInfo,
  gamma?: tf.TensorInfo,
): tf.TensorInfo {
  if (sizeOf(dy) === 0) return zeros(backend, dy.shape);
  const more = gamma ? [gamma] : [];
  return withTemporaries(backend, (temporary) => {
    const shape = withColumns(dy.shape, 2);
    const means = temporary(
      runProgram(
        backend,
        gradientMeans(from, gamma != null),
        [dy, x, stats, ...more],
        shape,
        sizeUniform(dy),
      ),
    );
    const program = gradient(from, gamma != null);
    return runProgram(backend, program, [dy, x, stats, means, ...more], dy.shape, sizeUniform(dy));
  });
}

export const layerNormGrad = webglKernel(LAYER_NORM_GRAD, (backend, { dy, xhat, rstd }) =>
  normalizeGradient(backend, 'xhat', dy, xhat, rstd),
);

export const affineNormGrad = webglKernel(AFFINE_NORM_GRAD, (backend, inputs) =>
  normalizeGradient(backend, 'xhat', inputs.dy, inputs.xhat, inputs.rstd, inputs.gamma),
);
