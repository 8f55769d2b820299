import * as tf from '@tensorflow/tfjs-core';

import { assertFirstOrder, disposingTapeOnError } from './engine';

/** A single-output differentiable operation with a hand-written VJP. */
export interface OpDefinition<Attrs> {
  /** Kernel name, unique in the process. */
  name: string;
  /** Names of the tensor inputs, in call order. All of them are saved for the VJP. */
  inputNames: readonly string[];
  /** Computes the output. Runs inside a tidy, with no tape. */
  forward(inputs: readonly tf.Tensor[], attrs: Attrs): tf.Tensor;
  /**
   * One thunk per input that has a gradient, in input order (`null`: none). tfjs runs each thunk
   * in a tidy of its own, and only those whose input the caller asked for.
   */
  backward(
    dy: tf.Tensor,
    inputs: readonly tf.Tensor[],
    attrs: Attrs,
  ): readonly ((() => tf.Tensor) | null)[];
}

type Kernel = Parameters<typeof tf.registerKernel>[0]['kernelFunc'];

/**
 * Registers `kernel` for the backend in use, whichever that is, unless done before. tfjs keys
 * kernels by backend name and backends may come later than this package, so it is done per call.
 */
export function ensureKernel(kernelName: string, kernelFunc: Kernel): void {
  const backendName = tf.getBackend();
  if (tf.getKernel(kernelName, backendName) == null) {
    tf.registerKernel({ kernelName, backendName, kernelFunc });
  }
}

/** Registers the gradient unless done before: the package may be loaded as ESM and as CJS at once. */
export function ensureGradient(config: tf.GradConfig): void {
  if (tf.getGradient(config.kernelName) == null) tf.registerGradient(config);
}

/** Turns a definition into a function on tensors that tfjs can differentiate on every backend. */
export function defineOp<Attrs extends object>(
  op: OpDefinition<Attrs>,
): (inputs: readonly tf.Tensor[], attrs: Attrs) => tf.Tensor {
  ensureGradient({
    kernelName: op.name,
    inputsToSave: [...op.inputNames],
    gradFunc: (dy, saved, attrs) => {
      assertFirstOrder(op.name);
      if (Array.isArray(dy)) throw new Error(`internal: ${op.name} has one output`);
      const thunks = op.backward(dy, saved, attrs as unknown as Attrs);
      const gradients: Record<string, () => tf.Tensor> = {};
      op.inputNames.forEach((name, i) => {
        const thunk = thunks[i];
        if (thunk) gradients[name] = () => disposingTapeOnError(thunk);
      });
      return gradients;
    },
  });
  const kernel: Kernel = ({ inputs, attrs }) =>
    tf.tidy(() =>
      op.forward(
        op.inputNames.map((name) => inputs[name] as tf.Tensor),
        attrs as unknown as Attrs,
      ),
    );
  return (inputs, attrs) => {
    ensureKernel(op.name, kernel);
    const named: tf.NamedTensorMap = {};
    op.inputNames.forEach((name, i) => {
      named[name] = inputs[i] as tf.Tensor;
    });
    return tf.engine().runKernel(op.name, named, attrs as unknown as tf.NamedAttrMap);
  };
}

/**
 * Runs a backend's own kernel where one is registered, else `compose`. For fused kernels that
 * exist on some backends only; neither path is recorded on a tape of its own.
 */
export function runFused<T extends tf.Tensor | tf.Tensor[]>(
  kernelName: string,
  inputs: tf.NamedTensorMap,
  attrs: Record<string, number | boolean>,
  compose: () => T,
): T {
  if (tf.getKernel(kernelName, tf.getBackend()) == null) return tf.tidy(compose);
  return tf.engine().runKernel(kernelName, inputs, attrs) as T;
}
