/** The half of a ConvNeXt block after its depthwise convolution, and its gradients, on webgpu. */
import type * as tf from '@tensorflow/tfjs-core';

import { RESIDUAL_MLP, RESIDUAL_MLP_GRAD } from '../contract';
import { type InputsOf } from '../fused';
import { halfBlockGradients, sizeOf, zeros } from '../graphics';
import { type WebgpuBackend, webgpuKernel, withTemporaries } from './backend';
import { normalizedAffine, normalizeGradient } from './layer_norm';
import { type Form, multiply, partsFor, PLAIN, type Sizes } from './products';
import { rowsOf, runProgram, type Source, THREADS, withColumns } from './program';
import { blocksOf, byColumns, COLUMN, inParts, LANES, partition, sumsOfRows } from './sums';

/** Sizes of a product of rows, `[..., terms]`, by a matrix. */
function rowSizes(x: tf.TensorInfo, columns: number, survival?: tf.TensorInfo): Sizes {
  const { rows, columns: terms } = rowsOf(x);
  const sample = survival ? rows / sizeOf(survival) : 1;
  return { rows, terms, columns, count: 1, part: terms, sample };
}

export const residualMlp = webgpuKernel(RESIDUAL_MLP, (backend, inputs, { epsilon }) => {
  const { u, residual, survival, layerScale, expandBias, expandKernel } = inputs;
  if (sizeOf(u) === 0) return zeros(backend, u.shape);
  return withTemporaries(backend, (temporary) => {
    const [h] = normalizedAffine(backend, u, inputs.gamma, inputs.beta, epsilon).map(temporary);
    const hidden = sizeOf(expandBias);
    const shape = withColumns(u.shape, hidden);
    const [activated] = multiply(
      backend,
      { ...PLAIN, after: 'gelu' },
      [h as tf.TensorInfo, expandKernel, expandBias],
      [shape],
      rowSizes(u, hidden),
    ).map(temporary) as [tf.TensorInfo];
    const more = [inputs.projectBias, layerScale, residual, ...(survival ? [survival] : [])];
    const [y] = multiply(
      backend,
      { ...PLAIN, after: survival ? 'survivingResidual' : 'residual' },
      [activated, inputs.projectKernel, ...more],
      [u.shape],
      rowSizes(activated, sizeOf(layerScale), survival),
    );
    return y as tf.TensorInfo;
  });
});

type GradInputs = InputsOf<typeof RESIDUAL_MLP_GRAD, tf.TensorInfo>;

/**
 * `a^T b` over all axes but the last, a `[..., m]` and b `[..., n]`, and the sums of b: `[m, n]` and `[n]`. As
 * parts of these, `[parts, m, n]` and `[parts, n]`.
 */
function columnProducts(
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  survival?: tf.TensorInfo,
): { parts: number; form: Form; tensors: tf.TensorInfo[]; sizes: Sizes } {
  const [{ rows: terms, columns: rows }, { columns }] = [rowsOf(a), rowsOf(b)];
  const { parts, count: part } = partition(terms, partsFor(rows, terms, columns));
  const sample = survival ? terms / sizeOf(survival) : 1;
  return {
    parts,
    form: {
      ...PLAIN,
      transposeA: true,
      beforeB: survival ? 'survived' : 'nothing',
      after: 'sums',
    },
    tensors: [a, b, ...(survival ? [survival] : [])],
    sizes: { rows, terms, columns, count: parts, part, sample },
  };
}

/**
 * Gradients through the projection and its layer scale, from parts of `sums`, the products of activations with the
 * gradient of the branch, `[m, c]`, and of that gradient's own sum, `[c]`. rows: m, columns: c.
 */
const PROJECTION: Source = {
  name: 'projection_grad',
  inputs: ['Sums', 'Sum', 'Kernel', 'Bias', 'Scale'],
  outputs: ['bias', 'scale'],
  uniforms: { rows: 'i32', columns: 'i32', parts: 'i32' },
  threads: THREADS,
  functions: byColumns('f32'),
  main: `${COLUMN}
  let end = select(0, uniforms.rows, column < uniforms.columns && group < blocks);
  let factor = Scale[min(column, uniforms.columns - 1)];
  var along = 0.0;
  for (var row = lane; row < end; row += ${LANES}) {
    let at = row * uniforms.columns + column;
    var sum = 0.0;
    for (var i = 0; i < uniforms.parts; i++) { sum += Sums[i * uniforms.rows * uniforms.columns + at]; }
    result[at] = sum * factor;
    along += sum * Kernel[at];
  }
  along = added(along);
  if (lane > 0 || column >= uniforms.columns || group >= blocks) { return; }
  var sum = 0.0;
  for (var i = 0; i < uniforms.parts; i++) { sum += Sum[i * uniforms.columns + column]; }
  bias[column] = sum * factor;
  scale[column] = along + sum * Bias[column];`,
};

/** Gradients of the projection's weights. */
function projectGradients(backend: WebgpuBackend, inputs: GradInputs, activated: tf.TensorInfo) {
  const { dy, survival, projectKernel, projectBias, layerScale } = inputs;
  const { parts, form, tensors, sizes } = columnProducts(activated, dy, survival);
  return withTemporaries(backend, (temporary) => {
    const partial = [projectKernel, projectBias].map(({ shape }) => [parts, ...shape]);
    const sums = multiply(backend, form, tensors, partial, sizes).map(temporary);
    const { rows, columns } = sizes;
    const weights = [projectKernel, projectBias, layerScale];
    const [dProjectKernel, dProjectBias, dLayerScale] = runProgram(
      backend,
      PROJECTION,
      [...sums, ...weights],
      weights.map(({ shape }) => shape),
      blocksOf(columns),
      { rows, columns, parts },
    ) as [tf.TensorInfo, tf.TensorInfo, tf.TensorInfo];
    return { dProjectKernel, dProjectBias, dLayerScale };
  });
}

/** Gradients of the expansion's weights. */
function expandGradients(backend: WebgpuBackend, h: tf.TensorInfo, dHidden: tf.TensorInfo) {
  const { parts, form, tensors, sizes } = columnProducts(h, dHidden);
  const shapes = [[sizes.rows, sizes.columns], [sizes.columns]];
  const [dExpandKernel, dExpandBias] = inParts(backend, parts, shapes, (partial) =>
    multiply(backend, form, tensors, partial, sizes),
  ) as [tf.TensorInfo, tf.TensorInfo];
  return { dExpandKernel, dExpandBias };
}

/**
 * From dy back to the gradient of the hidden values, and of the projection's weights on the way. Of the
 * values `[..., m]` two tensors are held at a time.
 */
function throughHidden(backend: WebgpuBackend, inputs: GradInputs, h: tf.TensorInfo) {
  const { dy, expandKernel, expandBias, projectKernel, layerScale, survival } = inputs;
  const width = sizeOf(expandBias);
  const shape = withColumns(h.shape, width);
  return withTemporaries(backend, (temporary) => {
    const [hidden, activated] = multiply(
      backend,
      { ...PLAIN, after: 'hidden' },
      [h, expandKernel, expandBias],
      [shape, shape],
      rowSizes(h, width),
    ) as [tf.TensorInfo, tf.TensorInfo];
    temporary(hidden);
    const projected = withTemporaries(backend, (short) =>
      projectGradients(backend, inputs, short(activated)),
    );
    const [dHidden] = multiply(
      backend,
      { ...PLAIN, transposeB: true, beforeA: survival ? 'both' : 'scaled', after: 'geluSlope' },
      [dy, projectKernel, layerScale, ...(survival ? [survival] : []), hidden],
      [shape],
      rowSizes(dy, width, survival),
    );
    return { ...projected, dHidden: dHidden as tf.TensorInfo };
  });
}

export const residualMlpGrad = webgpuKernel(RESIDUAL_MLP_GRAD, (backend, inputs, { epsilon }) => {
  const { u, gamma, beta, expandKernel } = inputs;
  if (sizeOf(u) === 0) return halfBlockGradients(inputs, (shape) => zeros(backend, shape));
  return withTemporaries(backend, (temporary) => {
    const [h, stats] = normalizedAffine(backend, u, gamma, beta, epsilon).map(temporary) as [
      tf.TensorInfo,
      tf.TensorInfo,
    ];
    const { dHidden, ...projected } = throughHidden(backend, inputs, h);
    temporary(dHidden);
    const [dh] = multiply(
      backend,
      { ...PLAIN, transposeB: true },
      [dHidden, expandKernel],
      [u.shape],
      rowSizes(dHidden, sizeOf(gamma)),
    ).map(temporary) as [tf.TensorInfo];
    const [dBeta, dGamma] = sumsOfRows(backend, 'normalized', [dh, u, stats]) as [
      tf.TensorInfo,
      tf.TensorInfo,
    ];
    return {
      du: normalizeGradient(backend, 'x', dh, u, stats, gamma),
      ...{ dGamma, dBeta },
      ...expandGradients(backend, h, dHidden),
      ...projected,
    };
  });
});
