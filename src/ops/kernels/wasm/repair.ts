/** Kernels that take over some of the calls of one of tfjs's, and leave the others to it. */
import type * as tf from '@tensorflow/tfjs-core';

import { assertInputs } from '../fused';
import type { WasmBackend } from './backend';

/** What takes the place of a kernel, made from the kernel that it replaces. */
export interface KernelRepair {
  kernelName: string;
  over(replaced: tf.KernelConfig): tf.KernelConfig;
}

interface RepairDefinition<Names extends string, Attrs> {
  /** tfjs's name of the kernel. */
  name: string;
  /** Inputs that must have a dtype in the calls that are taken over. */
  inputs?: Readonly<Partial<Record<Names, tf.DataType>>>;
  /** Whether a call is taken over. */
  when(inputs: Readonly<Record<Names, tf.TensorInfo>>, attrs: Attrs): boolean;
  /**
   * @param owner how messages call the kernel
   * @param replaced tfjs's kernel on the same inputs
   */
  run(
    backend: WasmBackend,
    inputs: Readonly<Record<Names, tf.TensorInfo>>,
    attrs: Attrs,
    owner: string,
    replaced: (attrs: Attrs) => tf.TensorInfo | tf.TensorInfo[],
  ): tf.TensorInfo | tf.TensorInfo[];
}

/** Takes over the calls of a kernel of tfjs's for which `when` holds. */
export function repairKernel<Names extends string, Attrs extends object>(
  repair: RepairDefinition<Names, Attrs>,
): KernelRepair {
  const { name } = repair;
  const owner = `${name} (wasm)`;
  const expected = Object.entries(repair.inputs ?? {}) as [string, tf.DataType][];
  return {
    kernelName: name,
    over: (replaced) => ({
      // Of a backend that has not started yet, what the replaced kernel needs to set up.
      ...replaced,
      kernelFunc: (call) => {
        const inputs = call.inputs as Record<Names, tf.TensorInfo>;
        const attrs = (call.attrs ?? {}) as Attrs;
        if (!repair.when(inputs, attrs)) return replaced.kernelFunc(call);
        assertInputs(owner, expected, inputs);
        return repair.run(call.backend as WasmBackend, inputs, attrs, owner, (other) =>
          replaced.kernelFunc({ ...call, attrs: other as unknown as typeof call.attrs }),
        );
      },
    }),
  };
}
