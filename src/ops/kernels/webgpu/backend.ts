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
import { freeing } from '../graphics';

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

/** Runs `fn`, then frees the tensors that it has given to `temporary`: see `freeing`. */
export function withTemporaries<T>(
  backend: WebgpuBackend,
  fn: (temporary: (tensor: tf.TensorInfo) => tf.TensorInfo) => T,
): T {
  // What commands that are not submitted yet read is kept by tfjs until they are.
  return freeing(({ dataId }) => void backend.disposeData(dataId), fn);
}
