/** Gradients of the half of a ConvNeXt block after its depthwise convolution, on wasm; only with SIMD. */
import type * as tf from '@tensorflow/tfjs-core';

import { RESIDUAL_MLP_GRAD } from '../contract';
import type { OutputsOf } from '../fused';
import { halfBlockGradients, requireAlike } from '../graphics';
import type { SimdKernels } from '../simd_module';
import {
  isAnyEmpty,
  pointer,
  requireShape,
  sizeOf,
  type WasmBackend,
  wasmKernel,
  withScratch,
  zeros,
} from './backend';
import {
  forRows,
  forSamples,
  type Half,
  halfOf,
  layOut,
  product,
  rowsAtATime,
  wholeVectors,
} from './half_block';
import { onlyWithSimd, requireSimd } from './only_with_simd';

const BYTES = Float32Array.BYTES_PER_ELEMENT;

type Addresses = OutputsOf<typeof RESIDUAL_MLP_GRAD, number>;

/** Where the pieces of scratch memory are, each for the rows at a time. */
interface Workspace {
  /** Normalised values, and those with scale and shift, `[rows, c]`. */
  xhat: number;
  h: number;
  rstd: number;
  /** The branch's gradient, where samples have factors, and gradients on their way, `[rows, c]`. */
  dBranch: number;
  d: number;
  /** `[rows, m]` */
  hidden: number;
  dHidden: number;
  /** A sum over rows, and what adding it up takes. */
  sum: number;
  totals: number;
  block: number;
}

function withWorkspace(
  backend: WasmBackend,
  simd: SimdKernels,
  half: Half,
  isKept: boolean,
  fn: (workspace: Workspace) => void,
): void {
  const { c, m, survival } = half;
  const rows = rowsAtATime(half);
  const [narrow, wide, most] = [rows * c, rows * m, Math.max(c, m)];
  const { offsets, bytes } = layOut(
    ...[narrow, narrow, rows, survival ? narrow : 0, narrow],
    ...[isKept ? 0 : wide, wide, most, 2 * most],
  );
  withScratch(backend, bytes + simd.BLOCK_SCRATCH.value, (scratch) => {
    const [xhat, h, rstd, dBranch, d, hidden, dHidden, sum, totals] = offsets.map(
      (offset) => scratch + offset,
    ) as [number, number, number, number, number, number, number, number, number];
    const block = scratch + bytes;
    fn({ xhat, h, rstd, dBranch, d, hidden, dHidden, sum, totals, block });
  });
}

/** Where the operands are. */
interface Operands {
  u: number;
  dy: number;
  kept: number | null;
}

/** Gradients of some rows; those of weights are added to what is there, but for the first rows. */
function someRows(
  simd: SimdKernels,
  half: Half,
  { u, dy, kept }: Operands,
  w: Workspace,
  to: Addresses,
  first: number,
  count: number,
): void {
  const { c, m, at } = half;
  const offset = BYTES * first * c;
  const adds = first > 0;
  const multiply = (
    factors: readonly [number, number, number],
    sizes: readonly [number, number, number],
    options: Parameters<typeof product>[4] = {},
  ) => product(simd, w.block, factors, sizes, options);
  const add = (target: number, columns: number, sum: (into: number) => void) => {
    sum(adds ? w.sum : target);
    if (adds) simd.scaledSum(w.sum, 0, target, target, 1, columns, 0, 1);
  };
  const columnSum = (x: number, columns: number) => (into: number) =>
    simd.columnSum(x, into, w.totals, count, columns, columns);

  simd.layerNorm(u + offset, w.xhat, w.rstd, count, c, half.epsilon);
  simd.scaledSum(w.xhat, at.gamma, at.beta, w.h, count, c, 0, 1);
  const hidden = kept === null ? w.hidden : kept + BYTES * first * m;
  if (kept === null) {
    multiply([w.h, at.expandKernel, hidden], [count, c, m], { bias: at.expandBias });
  }
  let dBranch = dy + offset;
  if (half.survival) {
    forSamples(half, first, count, (row, rows, factor) => {
      const into = w.dBranch + BYTES * (row - first) * c;
      simd.scaledSum(dy + BYTES * row * c, 0, 0, into, rows, c, 0, factor);
    });
    dBranch = w.dBranch;
  }
  // Before the layer scale.
  const values = wholeVectors(count * m);
  simd.gelu(hidden, w.dHidden, values);
  multiply([w.dHidden, dBranch, to.dProjectKernel], [m, count, c], { transposeA: true, adds });
  add(to.dProjectBias, c, columnSum(dBranch, c));

  simd.scaledSum(dBranch, at.layerScale, 0, w.d, count, c, 0, 1);
  multiply([w.d, at.projectKernel, w.dHidden], [count, c, m], { transposeB: true });
  simd.geluGrad(hidden, w.dHidden, w.dHidden, values);
  multiply([w.h, w.dHidden, to.dExpandKernel], [c, count, m], { transposeA: true, adds });
  add(to.dExpandBias, m, columnSum(w.dHidden, m));

  multiply([w.dHidden, at.expandKernel, w.d], [count, m, c], { transposeB: true });
  add(to.dGamma, c, (into) => simd.productSum(w.d, w.xhat, into, w.totals, count, c, c));
  add(to.dBeta, c, columnSum(w.d, c));
  simd.scaledSum(w.d, at.gamma, 0, w.d, count, c, 0, 1);
  simd.layerNormGrad(w.d, w.xhat, w.rstd, to.du + offset, count, c);
}

/** Turns sums that know nothing of the layer scale into gradients, of that, too. */
function throughLayerScale(
  simd: SimdKernels,
  { c, m, at }: Half,
  { dProjectKernel, dProjectBias, dLayerScale }: Addresses,
  totals: number,
): void {
  simd.productSum(dProjectKernel, at.projectKernel, dLayerScale, totals, m, c, c);
  simd.scaledSum(dProjectBias, at.projectBias, dLayerScale, dLayerScale, 1, c, 0, 1);
  simd.scaledSum(dProjectBias, at.layerScale, 0, dProjectBias, 1, c, 0, 1);
  simd.scaledSum(dProjectKernel, at.layerScale, 0, dProjectKernel, m, c, 0, 1);
}

export const residualMlpGrad = onlyWithSimd(
  wasmKernel(RESIDUAL_MLP_GRAD, (backend, inputs, { epsilon }) => {
    const { u, dy, kept } = inputs;
    requireAlike(RESIDUAL_MLP_GRAD, 'wasm', [u, dy]);
    const half = halfOf(RESIDUAL_MLP_GRAD, backend, inputs, epsilon);
    if (kept) {
      const [rows, m] = [half.rows, half.m];
      requireShape(RESIDUAL_MLP_GRAD, 'kept', kept, [rows, m], sizeOf(kept) === rows * m);
    }
    if (isAnyEmpty(u)) return halfBlockGradients(inputs, (shape) => zeros(backend, shape));
    const outputs = halfBlockGradients(inputs, (shape) => backend.makeOutput(shape, 'float32'));
    const simd = requireSimd(backend, RESIDUAL_MLP_GRAD.name);
    withWorkspace(backend, simd, half, kept !== undefined, (workspace) => {
      const at = (info: tf.TensorInfo) => pointer(backend, info);
      const to = Object.fromEntries(
        Object.entries(outputs).map(([name, info]) => [name, at(info)]),
      ) as Addresses;
      const operands = { u: at(u), dy: at(dy), kept: kept ? at(kept) : null };
      forRows(half, (first, count) => someRows(simd, half, operands, workspace, to, first, count));
      throughLayerScale(simd, half, to, workspace.totals);
    });
    return outputs;
  }),
);
