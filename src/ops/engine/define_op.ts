/** Defines an operation with a hand-written gradient that tfjs differentiates on every backend. */
import * as tf from '@tensorflow/tfjs-core';

import { assertFirstOrder, disposingTapeOnError } from './engine';
import { ensureGradient, ensureKernel, runKernel } from './kernel';

/** A tensor for each of an operation's inputs. */
export type OpInputs<Names extends string> = Readonly<Record<Names, tf.Tensor>>;

/** A single-output differentiable operation with a hand-written VJP. */
export interface OpDefinition<Names extends string, Attrs extends object> {
  /** Kernel name, unique in the process. */
  name: string;
  /** Names of the tensor inputs. All of them are saved for the VJP. */
  inputs: readonly Names[];
  /** Computes the output. Runs inside a tidy, with no tape. */
  forward(inputs: OpInputs<Names>, attrs: Attrs): tf.Tensor;
  /**
   * A thunk for each input, or null for one that has no gradient. tfjs runs each thunk in a tidy of
   * its own, in the order of `inputs`, and only those whose input the caller asked for.
   */
  backward(
    dy: tf.Tensor,
    inputs: OpInputs<Names>,
    attrs: Attrs,
  ): Record<Names, (() => tf.Tensor) | null>;
}

/** An operation to call with tensors by name, and with attributes where it has any. */
export type Op<Names extends string, Attrs extends object> = (
  inputs: OpInputs<Names>,
  ...attrs: object extends Attrs ? [] : [attrs: Attrs]
) => tf.Tensor;

/**
 * Turns a definition into a function on tensors that tfjs can differentiate on every backend. The
 * names of the inputs are those listed, the attributes those that `forward` declares:
 *
 *     const scaleOp = defineOp({
 *       name: 'RevColScale',
 *       inputs: ['x', 'factor'],
 *       forward: ({ x, factor }) => tf.mul(x, factor),
 *       backward: (dy, { x, factor }) => ({
 *         x: () => tf.mul(dy, factor),
 *         factor: () => tf.sum(tf.mul(dy, x)),
 *       }),
 *     });
 *     scaleOp({ x, factor });
 *
 * @returns the function; where tfjs differentiates it, it throws an Error when an input's gradient is
 *   asked for that has none, or a gradient of the gradient
 */
export function defineOp<Names extends string, Attrs extends object>(
  op: OpDefinition<Names, Attrs>,
): Op<Names, Attrs> {
  ensureGradient<tf.Tensor, Attrs>({
    kernelName: op.name,
    inputsToSave: [...op.inputs],
    gradFunc: (dy, saved, attrs) => {
      assertFirstOrder(op.name);
      const inputs = named(op.inputs, (_, i) => saved[i] as tf.Tensor);
      const thunks = op.backward(dy, inputs, attrs);
      const missing = (name: Names) => () => {
        throw new Error(`${op.name}: ${name} has no gradient; do not ask for one`);
      };
      return named(op.inputs, (name) => {
        const thunk = thunks[name] ?? missing(name);
        return () => disposingTapeOnError(thunk);
      });
    },
  });
  return (inputs, ...[attrs]) => {
    ensureKernel<OpInputs<Names>, Attrs>(op.name, (call) =>
      tf.tidy(() => op.forward(call.inputs, call.attrs)),
    );
    return runKernel(
      op.name,
      named(op.inputs, (name) => inputs[name]),
      attrs ?? {},
    );
  };
}

/** A value for each name, in the order of the names. */
function named<Names extends string, T>(
  names: readonly Names[],
  valueOf: (name: Names, i: number) => T,
): Record<Names, T> {
  const values: Partial<Record<Names, T>> = {};
  names.forEach((name, i) => {
    values[name] = valueOf(name, i);
  });
  return values as Record<Names, T>;
}
