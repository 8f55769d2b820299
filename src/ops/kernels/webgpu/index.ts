/** Kernels of backend 'webgpu' of tfjs's own that are wrong for some calls, and what mends them. */
import * as tf from '@tensorflow/tfjs-core';

/** Products of matrices, by one or two of whose programs tfjs computes both. */
const PRODUCTS = [tf.BatchMatMul, tf._FusedMatMul];

/** From so many terms on, tfjs-backend-webgpu 4.22 may split the sums of a product. */
const SPLIT_FROM = 2000;
/** The flag that chooses a program for all products, and its value for split sums. */
const PROGRAM_FLAG = 'WEBGPU_MATMUL_PROGRAM_TYPE';
const SPLIT_PROGRAM = 1;

/** What was registered here, to know it again. */
const own = new Set<tf.KernelConfig>();

/**
 * Whether tfjs may compute a product by its split-K program, which reads `b` as if it were not
 * transposed.
 */
function mayBeWrong({ b }: tf.NamedTensorInfoMap, attrs: tf.BatchMatMulAttrs): boolean {
  if (!attrs.transposeB) return false;
  const terms = b?.shape.at(-1) ?? 0;
  return terms >= SPLIT_FROM || tf.env().getNumber(PROGRAM_FLAG) === SPLIT_PROGRAM;
}

function repaired(replaced: tf.KernelConfig): tf.KernelConfig {
  const kernelFunc: tf.KernelFunc = (call) => {
    const attrs = call.attrs as unknown as tf.BatchMatMulAttrs;
    if (!mayBeWrong(call.inputs, attrs)) return replaced.kernelFunc(call);
    const b = call.inputs.b as tf.TensorInfo;
    const perm = b.shape.map((_, axis) => axis);
    perm.push(...perm.splice(-2).reverse());
    const backend = call.backend as tf.KernelBackend;
    const transposed = tf.getKernel(tf.Transpose, 'webgpu').kernelFunc({
      inputs: { x: b },
      backend,
      attrs: { perm },
    }) as tf.TensorInfo;
    try {
      return replaced.kernelFunc({
        ...call,
        inputs: { ...call.inputs, b: transposed },
        attrs: { ...call.attrs, transposeB: false },
      });
    } finally {
      backend.disposeData(transposed.dataId);
    }
  };
  return { ...replaced, kernelFunc };
}

/**
 * Replaces the products of matrices of tfjs-backend-webgpu 4.22, which are wrong with `transposeB`
 * where their sums have 2,000 terms or more, so that a stock `dense` of 2,000 units trains wrongly.
 * Where the backend is not imported nothing happens; further calls do nothing.
 *
 * @returns names of the kernels replaced by this call
 */
export function repairWebgpuKernels(): string[] {
  return PRODUCTS.filter((name) => {
    const theirs: tf.KernelConfig | undefined = tf.getKernel(name, 'webgpu');
    if (theirs == null || own.has(theirs)) return false;
    tf.unregisterKernel(name, 'webgpu');
    const config = repaired(theirs);
    own.add(config);
    tf.registerKernel(config);
    return true;
  });
}
