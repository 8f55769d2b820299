/**
 * What the package's kernels use of tfjs's webgpu backend, which is an optional peer: it is reached through
 * the backend that tfjs hands to a kernel, and nothing of it is imported.
 */
import * as tf from '@tensorflow/tfjs-core';

import type { KernelContract } from '../contract';
import {
  conditional,
  type ConditionalKernel,
  type Implementation,
  implementKernel,
} from '../fused';

/** A program as tfjs runs it (`WebGPUProgram` of tfjs-backend-webgpu). */
export interface WebgpuProgram {
  readonly variableNames: string[];
  readonly outputShape: number[];
  /** Workgroups along x; tfjs spreads them over y and z where they are too many for one axis. */
  readonly dispatch: [number, number, number];
  readonly dispatchLayout: { x: number[] };
  readonly workgroupSize: [number, number, number];
  /** Declarations of uniforms, with a comma after each. */
  readonly uniforms: string;
  /** tfjs appends to it what else tells pipelines apart. */
  shaderKey: string;
  getUserCode(): string;
}

/** Values of uniforms of one's own. */
export type UniformValues = { type: 'int32' | 'float32'; data: number[] }[];

/** The part of `WebGPUBackend` that kernels need. */
export interface WebgpuBackend {
  runWebGPUProgram(
    program: WebgpuProgram,
    inputs: tf.TensorInfo[],
    outputDtype: tf.DataType,
    programDefinedUniform?: UniformValues,
    output?: tf.TensorInfo,
  ): tf.TensorInfo;
  makeTensorInfo(shape: number[], dtype: tf.DataType, values?: tf.TypedArray): tf.TensorInfo;
  disposeData(dataId: tf.TensorInfo['dataId']): boolean;
}

/** Whether the package's own programs are used on webgpu. */
export const WEBGPU_FLAG = 'REVCOL_WEBGPU_PROGRAMS';

/** Registers the flag, which is on by default. */
export function registerWebgpuFlag(): void {
  tf.env().registerFlag(WEBGPU_FLAG, () => true);
}

const canRun = (): boolean => tf.env().getBool(WEBGPU_FLAG);

/** A kernel of backend 'webgpu', which counts as absent where the flag is off. */
export function webgpuKernel<K extends KernelContract>(
  contract: K,
  run: Implementation<K, WebgpuBackend>,
): ConditionalKernel {
  return conditional(implementKernel(contract, 'webgpu', run), canRun);
}

/** How many numbers a tensor has. */
export const sizeOf = ({ shape }: tf.TensorInfo): number => tf.util.sizeFromShape(shape);

/** A tensor of zeros: what sums over nothing give. */
export function zeros(backend: WebgpuBackend, shape: readonly number[]): tf.TensorInfo {
  const values = new Float32Array(tf.util.sizeFromShape([...shape]));
  return backend.makeTensorInfo([...shape], 'float32', values);
}

/**
 * Runs `fn`, then frees the tensors that it has given to `temporary`, also where it throws.
 *
 * @param fn gets a function that takes a tensor for what is needed within `fn` alone, and gives it back
 */
export function withTemporaries<T>(
  backend: WebgpuBackend,
  fn: (temporary: (tensor: tf.TensorInfo) => tf.TensorInfo) => T,
): T {
  const held: tf.TensorInfo[] = [];
  try {
    return fn((tensor) => {
      held.push(tensor);
      return tensor;
    });
  } finally {
    // What commands that are not submitted yet read is kept by tfjs until they are.
    for (const tensor of held) backend.disposeData(tensor.dataId);
  }
}
