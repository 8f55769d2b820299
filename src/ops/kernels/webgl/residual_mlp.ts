/** The half of a ConvNeXt block after its depthwise convolution, and its gradients, on webgl. */
import type * as tf from '@tensorflow/tfjs-core';

import { RESIDUAL_MLP, RESIDUAL_MLP_GRAD } from '../contract';
import { type InputsOf } from '../fused';
import { halfBlockGradients, sizeOf, zeros } from '../graphics';
import { type WebglBackend, webglKernel, withTemporaries } from './backend';
import { sumOfRows } from './column_sum';
import { runElementwise } from './elementwise';
import { geluOf } from './gelu';
import { normalizedAffine, normalizeGradient, statistics } from './layer_norm';
import { multiplyColumns, multiplyRows } from './products';
import { layoutOf, runProgram, type Source } from './program';

/**
 * Each sample times its factor, plus another tensor where there is one. size: rows, columns, rows of a sample,
 * samples.
 */
const samples = (isAdded: boolean): Source => ({
  inputs: ['X', 'Factors', ...(isAdded ? ['Other'] : [])],
  uniforms: { size: 'ivec4' },
  functions: `
float factorAt(int row) {
  int entry = row / size.z;
  vec4 factors = atFactors(0, entry / 2, (size.w + 1) / 2);
  return (entry & 1) == 0 ? factors.x : factors.y;
}`,
  main: `
  int width = (size.y + 1) / 2;
  ivec2 at = here(width);
  int pairs = (size.x + 1) / 2;
  int matrix = at.x / pairs;
  int row = matrix * size.x + 2 * (at.x - matrix * pairs);
  vec4 v = atX(at.x, at.y, width) * vec2(factorAt(row), factorAt(row + 1)).xxyy;
  setOutput(inside(v${isAdded ? ' + atOther(at.x, at.y, width)' : ''}, at.x, size.x, at.y, size.y));`,
});

function timesSamples(
  backend: WebglBackend,
  x: tf.TensorInfo,
  factors: tf.TensorInfo,
  other?: tf.TensorInfo,
): tf.TensorInfo {
  const { rows, columns } = layoutOf(x.shape);
  const [count] = factors.shape as [number];
  const size = [rows, columns, sizeOf(x) / columns / count, count];
  const tensors = other ? [x, factors, other] : [x, factors];
  return runProgram(backend, samples(other != null), tensors, x.shape, { size });
}

export const residualMlp = webglKernel(RESIDUAL_MLP, (backend, inputs, { epsilon }) => {
  const { u, residual, survival, layerScale } = inputs;
  if (sizeOf(u) === 0) return zeros(backend, u.shape);
  return withTemporaries(backend, (temporary) => {
    const stats = temporary(statistics(backend, u, epsilon));
    const h = temporary(normalizedAffine(backend, u, stats, inputs.gamma, inputs.beta));
    const { expandKernel, expandBias, projectKernel, projectBias } = inputs;
    const a = temporary(multiplyRows(backend, h, expandKernel, false, 'gelu', [expandBias]));
    if (!survival) {
      const more = [projectBias, layerScale, residual];
      return multiplyRows(backend, a, projectKernel, false, 'residual', more);
    }
    const more = [projectBias, layerScale];
    const branch = temporary(multiplyRows(backend, a, projectKernel, false, 'scaled', more));
    return timesSamples(backend, branch, survival, residual);
  });
});

/**
 * Gradients through the projection and its layer scale, from `sums`, `[m + 1, c]`: the products of activations
 * with the gradient of the branch, summed over rows, and in the last row that gradient's own sum. size: m, c.
 */
const PROJECT_KERNEL: Source = {
  inputs: ['Sums', 'Scale'],
  uniforms: { size: 'ivec2' },
  main: `
  int width = (size.y + 1) / 2;
  ivec2 at = here(width);
  vec4 v = atSums(at.x, at.y, width) * atScale(0, at.y, width).xyxy;
  setOutput(inside(v, at.x, size.x, at.y, size.y));`,
};

const LAST_ROW = `
  int width = (size.y + 1) / 2;
  int column = here(width).y;
  vec4 last = atSums(size.x / 2, column, width);
  vec2 sum = (size.x & 1) == 0 ? last.xy : last.zw;`;

const PROJECT_BIAS: Source = {
  inputs: ['Sums', 'Scale'],
  uniforms: { size: 'ivec2' },
  main: `${LAST_ROW}
  vec4 v = vec4(sum * atScale(0, column, width).xy, 0., 0.);
  if (isLast(column, size.y)) v.y = 0.;
  setOutput(v);`,
};

const LAYER_SCALE: Source = {
  inputs: ['Sums', 'Kernel', 'Bias'],
  uniforms: { size: 'ivec2' },
  main: `${LAST_ROW}
  sum *= atBias(0, column, width).xy;
  int height = (size.x + 1) / 2;
  for (int i = 0; i < height; i++) {
    vec4 v = inside(atSums(i, column, width) * atKernel(i, column, width), i, size.x, column, size.y);
    sum += v.xy + v.zw;
  }
  vec4 v = vec4(sum, 0., 0.);
  if (isLast(column, size.y)) v.y = 0.;
  setOutput(v);`,
};

type GradInputs = InputsOf<typeof RESIDUAL_MLP_GRAD, tf.TensorInfo>;

/** Gradients of the projection's weights. */
function projectGradients(
  backend: WebglBackend,
  { projectKernel, projectBias, layerScale }: GradInputs,
  activated: tf.TensorInfo,
  dBranch: tf.TensorInfo,
) {
  return withTemporaries(backend, (temporary) => {
    const sums = temporary(multiplyColumns(backend, activated, dBranch, true));
    const run = (source: Source, tensors: tf.TensorInfo[], shape: number[]) =>
      runProgram(backend, source, [sums, ...tensors], shape, { size: projectKernel.shape });
    return {
      dProjectKernel: run(PROJECT_KERNEL, [layerScale], projectKernel.shape),
      dProjectBias: run(PROJECT_BIAS, [layerScale], layerScale.shape),
      dLayerScale: run(LAYER_SCALE, [projectKernel, projectBias], layerScale.shape),
    };
  });
}

const SCALED = { inputs: ['D', 'scale'], expression: 'D * scale' };

/**
 * From the gradient of the branch back to that of the hidden values, and of the weights on the way. Of the
 * values `[..., m]` two tensors are held at a time.
 */
function throughHidden(
  backend: WebglBackend,
  inputs: GradInputs,
  h: tf.TensorInfo,
  dBranch: tf.TensorInfo,
) {
  const { expandKernel, expandBias, projectKernel, layerScale } = inputs;
  return withTemporaries(backend, (temporary) => {
    const hidden = temporary(multiplyRows(backend, h, expandKernel, false, 'bias', [expandBias]));
    const projected = withTemporaries(backend, (short) =>
      projectGradients(backend, inputs, short(geluOf(backend, hidden)), dBranch),
    );
    const scaled = temporary(runElementwise(backend, SCALED, [dBranch, layerScale]));
    const dHidden = multiplyRows(backend, scaled, projectKernel, true, 'geluSlope', [hidden]);
    return { ...projected, dHidden };
  });
}

export const residualMlpGrad = webglKernel(RESIDUAL_MLP_GRAD, (backend, inputs, { epsilon }) => {
  const { u, dy, gamma, beta, expandKernel, survival } = inputs;
  if (sizeOf(u) === 0) return halfBlockGradients(inputs, (shape) => zeros(backend, shape));
  return withTemporaries(backend, (temporary) => {
    const stats = temporary(statistics(backend, u, epsilon));
    const h = temporary(normalizedAffine(backend, u, stats, gamma, beta));
    const dBranch = survival ? temporary(timesSamples(backend, dy, survival)) : dy;
    const { dHidden, ...projected } = throughHidden(backend, inputs, h, dBranch);
    temporary(dHidden);
    const dh = temporary(multiplyRows(backend, dHidden, expandKernel, true, 'nothing', []));
    return {
      du: normalizeGradient(backend, 'x', dh, u, stats, gamma),
      dGamma: sumOfRows(backend, 'normalized', [dh, u, stats]),
      dBeta: sumOfRows(backend, 'x', [dh]),
      dExpandKernel: multiplyColumns(backend, h, dHidden),
      dExpandBias: sumOfRows(backend, 'x', [dHidden]),
      ...projected,
    };
  });
});
