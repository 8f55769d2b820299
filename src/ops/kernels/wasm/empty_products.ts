/**
 * Convolutions and fused products of operands without elements, as of no channels: sums over nothing, to which the
 * bias is added and the activation applied. tfjs-backend-wasm 4.22 leaves in the output what the memory held, leaves
 * the bias out, corrupts its heap, or prints that it failed.
 */
import * as tf from '@tensorflow/tfjs-core';

import { isAnyEmpty, runKernel, sizeOf, type WasmBackend, zeros } from './backend';
import { type KernelRepair, repairKernel } from './repair';

/** What fused kernels do to their sums. */
interface FusedAttrs {
  activation?: string;
  leakyreluAlpha?: number;
}

interface FusedInputs {
  readonly bias?: tf.TensorInfo;
  readonly preluActivationWeights?: tf.TensorInfo;
}

type Shape = [number, number, number, number];
type Convolved = Readonly<Record<'x' | 'filter', tf.TensorInfo>> & FusedInputs;
type Multiplied = Readonly<Record<'a' | 'b', tf.TensorInfo>> & FusedInputs;

/** tfjs's kernels of the activations that it fuses; that of `linear` does nothing. */
const ACTIVATIONS: Readonly<Record<string, string>> = {
  relu: tf.Relu,
  relu6: tf.Relu6,
  elu: tf.Elu,
  sigmoid: tf.Sigmoid,
  leakyrelu: tf.LeakyRelu,
  prelu: tf.Prelu,
};

/** Sums over nothing of that shape, with the bias, activated. */
function sums(
  backend: WasmBackend,
  shape: number[],
  { bias, preluActivationWeights: alpha }: FusedInputs,
  { activation = 'linear', leakyreluAlpha = 0 }: FusedAttrs,
): tf.TensorInfo {
  let y = zeros(backend, shape);
  if (sizeOf(y) === 0) return y;
  const step = (name: string, inputs: Record<string, tf.TensorInfo>) => {
    const before = y;
    try {
      y = runKernel(backend, name, inputs, { alpha: leakyreluAlpha });
    } finally {
      backend.disposeData(before.dataId);
    }
  };
  if (bias != null) step(tf.Add, { a: y, b: bias });
  const kernel = ACTIVATIONS[activation];
  if (kernel !== undefined) step(kernel, { x: y, ...(alpha == null ? {} : { alpha }) });
  return y;
}

/** The stock product without a bias is with the others: `stockMatMul`. */
const fusedMatMul = repairKernel({
  name: tf._FusedMatMul,
  when: ({ a, b }: Multiplied) => isAnyEmpty(a, b),
  run(backend, inputs, attrs: tf._FusedMatMulAttrs) {
    const { a, b } = inputs;
    const batch = tf.broadcast_util.assertAndGetBroadcastShape(
      a.shape.slice(0, -2),
      b.shape.slice(0, -2),
    );
    const rows = a.shape.at(attrs.transposeA ? -1 : -2) as number;
    const columns = b.shape.at(attrs.transposeB ? -2 : -1) as number;
    return sums(backend, [...batch, rows, columns], inputs, attrs);
  },
});

/** The fused form and the plain one, with one filter for all channels or one for each. */
function convolution(name: string, isDepthwise: boolean): KernelRepair {
  return repairKernel({
    name,
    when: ({ x, filter }: Convolved) => isAnyEmpty(x, filter),
    run(backend, inputs, attrs: tf.Conv2DAttrs & FusedAttrs) {
      const [x, filter] = [inputs.x.shape as Shape, inputs.filter.shape as Shape];
      const { strides, pad, dilations, dimRoundingMode } = attrs;
      const info = [strides, dilations, pad, dimRoundingMode, isDepthwise] as const;
      const { outShape } = tf.backend_util.computeConv2DInfo(x, filter, ...info);
      return sums(backend, outShape, inputs, attrs);
    },
  });
}

/** One per kernel; operands with elements go to tfjs's own. */
export const emptyProducts: readonly KernelRepair[] = [
  fusedMatMul,
  convolution(tf.Conv2D, false),
  convolution(tf.FusedConv2D, false),
  convolution(tf.DepthwiseConv2dNative, true),
  convolution(tf.FusedDepthwiseConv2D, true),
];
