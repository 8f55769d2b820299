/** Both ends of the contract for fused kernels: running one from an operation, offering one. */
import * as tf from '@tensorflow/tfjs-core';

import { runKernel, runKernelOutputs } from '../engine/kernel';
import { tidyAll } from '../engine/tensors';
import type { KernelContract } from './contract';

/** Inputs of a kernel by name, each a `T`. */
export type InputsOf<K extends KernelContract, T> = Readonly<
  Record<K['inputs'][number], T> & Partial<Record<K['optionalInputs'][number], T>>
>;

/** Attributes of a kernel by name. */
export type AttributesOf<K extends KernelContract> = {
  readonly [A in keyof K['attributes']]: K['attributes'][A] extends 'number' ? number : boolean;
};

/** What a kernel gives: a `T`, or several by name. */
export type OutputsOf<K extends KernelContract, T> = K['outputs'] extends readonly [string]
  ? T
  : Record<K['outputs'][number], T>;

/** A kernel that cannot always compute. */
export interface ConditionalKernel extends tf.KernelConfig {
  /** Whether it can now, on the backend in use. */
  isAvailable?: () => boolean;
}

/** The kernel as one that counts as absent while `isAvailable` gives false. */
export function conditional(
  kernel: tf.KernelConfig,
  isAvailable: () => boolean,
): ConditionalKernel {
  return { ...kernel, isAvailable };
}

/** Registers kernels of backends that need not be loaded yet; a kernel that exists is left alone. */
export function registerAbsent(kernels: readonly tf.KernelConfig[]): void {
  for (const kernel of kernels) {
    if (tf.getKernel(kernel.kernelName, kernel.backendName) == null) tf.registerKernel(kernel);
  }
}

/** Whether the backend in use has a kernel of its own for this. */
export function hasKernel({ name }: KernelContract): boolean {
  const kernel = tf.getKernel(name, tf.getBackend()) as ConditionalKernel | undefined;
  return kernel != null && (kernel.isAvailable?.() ?? true);
}

/**
 * Runs the kernel of the backend in use where it has one, else `compose`, in a tidy. Neither is
 * recorded on a tape of its own.
 */
export function runFused<K extends KernelContract>(
  contract: K,
  inputs: InputsOf<K, tf.Tensor>,
  attributes: AttributesOf<K>,
  compose: () => OutputsOf<K, tf.Tensor>,
): OutputsOf<K, tf.Tensor> {
  return hasKernel(contract) ? runOwn(contract, inputs, attributes) : tidyAll(compose);
}

/**
 * Runs the kernel of the backend in use, for operations that work in another way where there is none.
 *
 * @throws {Error} when the backend has no such kernel: ask `hasKernel` first
 */
export function runOwn<K extends KernelContract>(
  contract: K,
  inputs: InputsOf<K, tf.Tensor>,
  attributes: AttributesOf<K>,
): OutputsOf<K, tf.Tensor> {
  const { name, outputs } = contract;
  if (outputs.length === 1) {
    return runKernel(name, given(contract, inputs), attributes) as OutputsOf<K, tf.Tensor>;
  }
  const tensors = runKernelOutputs(name, given(contract, inputs), attributes);
  const named: Record<string, tf.Tensor | undefined> = {};
  outputs.forEach((output, i) => {
    named[output] = tensors[i];
  });
  return named as OutputsOf<K, tf.Tensor>;
}

/** The inputs without optional ones that are undefined, which tfjs does not expect. */
function given(
  { optionalInputs }: KernelContract,
  inputs: Readonly<Record<string, tf.Tensor | undefined>>,
): Readonly<Record<string, tf.Tensor>> {
  let rest = inputs as Readonly<Record<string, tf.Tensor>>;
  for (const absent of optionalInputs) {
    if (!(absent in rest) || rest[absent] != null) continue;
    rest = Object.fromEntries(Object.entries(rest).filter(([name]) => name !== absent));
  }
  return rest;
}

/** How a backend computes a fused kernel. Whoever calls owns the outputs. */
export type Implementation<K extends KernelContract, Backend> = (
  backend: Backend,
  inputs: InputsOf<K, tf.TensorInfo>,
  attributes: AttributesOf<K>,
) => OutputsOf<K, tf.TensorInfo>;

/**
 * A backend's kernel in the form in which tfjs registers it: checks that inputs and attributes are
 * those of the contract, and puts the outputs into its order.
 *
 * @returns a kernel that throws an Error when an input is missing or not float32, or an attribute is
 *   missing or of another type
 */
export function implementKernel<K extends KernelContract, Backend extends object>(
  contract: K,
  backendName: string,
  run: Implementation<K, Backend>,
): tf.KernelConfig {
  const { name, outputs } = contract;
  const owner = `${name} (${backendName})`;
  // Kernels are run thousands of times a second, so that nothing is made anew for each.
  const { dtypes = {} }: KernelContract = contract;
  const typed = (input: string): InputType => [input, dtypes[input] ?? 'float32'];
  const required = contract.inputs.map(typed);
  const optional = contract.optionalInputs.map(typed);
  const attributes = Object.entries(contract.attributes);
  return {
    kernelName: name,
    backendName,
    kernelFunc: ({ inputs, backend, attrs = {} }) => {
      assertInputs(owner, required, inputs);
      for (const input of optional) {
        if (inputs[input[0]] != null) assertInputs(owner, [input], inputs);
      }
      for (const [attribute, type] of attributes) {
        if (typeof attrs[attribute] === type) continue;
        throw new Error(
          `${owner}: attribute ${attribute} is ${String(attrs[attribute])}, a ${type} is expected`,
        );
      }
      const result = run(
        backend as Backend,
        inputs as InputsOf<K, tf.TensorInfo>,
        attrs as AttributesOf<K>,
      );
      if (outputs.length === 1) return result as tf.TensorInfo;
      const named = result as Readonly<Record<string, tf.TensorInfo>>;
      return outputs.map((output) => named[output] as tf.TensorInfo);
    },
  };
}

/** An input with the dtype that it must have. */
export type InputType = readonly [name: string, dtype: tf.DataType];

/**
 * @param owner the kernel, for the message
 * @param expected the inputs that must be given
 * @throws {Error} when one of them is missing in `inputs` or has another dtype
 */
export function assertInputs(
  owner: string,
  expected: readonly InputType[],
  inputs: Readonly<Record<string, tf.TensorInfo | undefined>>,
): void {
  for (const [name, dtype] of expected) {
    const input = inputs[name];
    if (input == null) throw new Error(`${owner}: input ${name} is missing`);
    if (input.dtype === dtype) continue;
    throw new Error(
      `${owner}: ${name} is ${input.dtype}, only ${dtype} is supported; ` +
        `cast it with tf.cast(${name}, '${dtype}')`,
    );
  }
}
