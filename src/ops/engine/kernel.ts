/**
 * Registers and runs kernels of the package's own. tfjs types a kernel's inputs and attributes more
 * narrowly than it treats them; the casts that this forces are here and nowhere else.
 */
import * as tf from '@tensorflow/tfjs-core';

import { requireBackend } from './lost_backend';

/** Computes a kernel's outputs with other operations, on whichever backend is in use. */
export type KernelBody<Inputs, Attrs> = (call: {
  inputs: Inputs;
  attrs: Attrs;
}) => tf.Tensor | tf.Tensor[];

/** The gradient of a kernel that gives `Output` and takes attributes `Attrs`. */
export interface KernelGradient<Output, Attrs> extends Omit<tf.GradConfig, 'gradFunc'> {
  /** Makes one thunk for each input that has a gradient; tfjs runs each in a tidy of its own. */
  gradFunc(
    dy: Output,
    saved: readonly tf.Tensor[],
    attrs: Attrs,
  ): Readonly<Record<string, () => tf.Tensor>>;
}

/**
 * Registers `body` for the backend in use, whichever that is, unless done before. tfjs keys kernels by
 * backend name and backends may come later than this package, so it is done per call.
 */
export function ensureKernel<Inputs, Attrs>(
  kernelName: string,
  body: KernelBody<Inputs, Attrs>,
): void {
  const backendName = tf.getBackend();
  if (tf.getKernel(kernelName, backendName) != null) return;
  const config: ComposedKernel = {
    kernelName,
    backendName,
    kernelFunc: body as unknown as tf.KernelFunc,
    composed: true,
  };
  tf.registerKernel(config);
}

/** A kernel that computes nothing itself, but runs other operations. */
interface ComposedKernel extends tf.KernelConfig {
  composed: true;
}

/** Whether `ensureKernel` has registered the kernel, here or in another copy of the package. */
export function isComposed(kernel: tf.KernelConfig): boolean {
  return (kernel as Partial<ComposedKernel>).composed === true;
}

/** Registers the gradient unless done before: the package may be loaded as ESM and as CJS at once. */
export function ensureGradient<Output, Attrs>(config: KernelGradient<Output, Attrs>): void {
  if (tf.getGradient(config.kernelName) != null) return;
  tf.registerGradient(config as unknown as tf.GradConfig);
}

/** Tensors by name; a list for kernels of which tfjs is to save all inputs (`saveAllInputs`). */
export type KernelInputs = Readonly<Record<string, tf.Tensor>> | readonly tf.Tensor[];

function run(kernelName: string, inputs: KernelInputs, attrs: object): tf.Tensor | tf.Tensor[] {
  requireBackend();
  const named = inputs as unknown as tf.NamedTensorMap;
  return tf.engine().runKernel(kernelName, named, attrs as unknown as tf.NamedAttrMap);
}

/**
 * Runs a kernel that has one output. Attributes reach the kernel and its gradient as they are.
 *
 * @throws {BackendLostError} when the backend has lost its device
 */
export function runKernel(kernelName: string, inputs: KernelInputs, attrs: object): tf.Tensor {
  return run(kernelName, inputs, attrs) as tf.Tensor;
}

/** Runs a kernel that has a list of outputs. */
export function runKernelOutputs(
  kernelName: string,
  inputs: KernelInputs,
  attrs: object,
): tf.Tensor[] {
  return run(kernelName, inputs, attrs) as tf.Tensor[];
}
