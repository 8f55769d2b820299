/**
 * What the package's kernels use of tfjs's webgl backend, which is an optional peer: it is reached through
 * the backend that tfjs hands to a kernel, and nothing of it is imported.
 */
import * as tf from '@tensorflow/tfjs-core';

import { isSoftware, rendererOf } from '../../../common/software_renderer';
import { isDeviceAssumed } from '../../engine/precision';
import type { KernelContract } from '../contract';
import {
  conditional,
  type ConditionalKernel,
  type Implementation,
  implementKernel,
} from '../fused';
import { freeing } from '../graphics';

/** Types of uniforms of one's own, as far as they are needed here. */
export type UniformType = 'int' | 'ivec2' | 'ivec3' | 'ivec4' | 'float' | 'vec2' | 'vec3' | 'vec4';

/** A program as tfjs runs it (`GPGPUProgram` of tfjs-backend-webgl). */
export interface WebglProgram {
  readonly variableNames: string[];
  readonly outputShape: number[];
  readonly userCode: string;
  readonly packedInputs: boolean;
  readonly packedOutput: boolean;
  readonly enableShapeUniforms: boolean;
  readonly customUniforms: { name: string; type: UniformType }[];
}

/** The part of `MathBackendWebGL` that kernels need. */
export interface WebglBackend {
  runWebGLProgram(
    program: WebglProgram,
    inputs: tf.TensorInfo[],
    outputDtype: tf.DataType,
    customUniformValues?: number[][],
    preventEagerUnpackingOfOutput?: boolean,
  ): tf.TensorInfo;
  makeTensorInfo(shape: number[], dtype: tf.DataType, values?: tf.TypedArray): tf.TensorInfo;
  disposeIntermediateTensorInfo(tensor: tf.TensorInfo): void;
}

/**
 * Whether the package's own programs are used on webgl. By default they are on graphics cards: there a step costs
 * what it takes to start programs, but a software renderer computes texel by texel, and fewer, larger programs
 * take longer.
 */
export const WEBGL_FLAG = 'REVCOL_WEBGL_PROGRAMS';

/** Whether tfjs's webgl backend, which has started, computes on a graphics card. */
function isOnCard(): boolean {
  const backend = tf.findBackend('webgl') as { gpgpu?: { gl: WebGL2RenderingContext } } | null;
  return !isSoftware(rendererOf(backend?.gpgpu?.gl));
}

/** Registers the flag that switches them on and off. */
export function registerWebglFlag(): void {
  tf.env().registerFlag(WEBGL_FLAG, isOnCard);
}

/**
 * Shaders here have loops of any length and read texels by number, which the first version of WebGL has not. A card
 * that is only assumed must not settle the default, which is evaluated once.
 */
const canRun = (): boolean =>
  isDeviceAssumed()
    ? tf.env().getFlags()[WEBGL_FLAG] !== false
    : tf.env().getBool(WEBGL_FLAG) && tf.env().getNumber('WEBGL_VERSION') === 2;

/** A kernel of backend 'webgl', which counts as absent where the browser has only the first version of WebGL. */
export function webglKernel<K extends KernelContract>(
  contract: K,
  run: Implementation<K, WebglBackend>,
): ConditionalKernel {
  return conditional(implementKernel(contract, 'webgl', run), canRun);
}

/** Runs `fn`, then frees the tensors that it has given to `temporary`: see `freeing`. */
export function withTemporaries<T>(
  backend: WebglBackend,
  fn: (temporary: (tensor: tf.TensorInfo) => tf.TensorInfo) => T,
): T {
  return freeing((tensor) => backend.disposeIntermediateTensorInfo(tensor), fn);
}
