/** Lets models run a layer of several outputs once: tfjs's executor calls it anew for each output that is used. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import type { AppliedTo } from './checked_layer';

type Outputs = tf.Tensor | tf.Tensor[];

/** An output of a place of a layer in a model. */
interface Asked {
  /** The outputs of that place. */
  readonly place: readonly tfl.SymbolicTensor[];
  readonly index: number;
}

/** A call of a layer by the executor. */
interface Run {
  readonly place: Asked['place'];
  readonly inputs: readonly tf.Tensor[];
  readonly outputs: Outputs;
  /** Numbers of the outputs that it has been called for. */
  readonly served: Set<number>;
  readonly training: boolean;
  /** Data of the layer's weights after it. */
  readonly weights: readonly object[];
}

/** What is known of the executor's calls of a layer. */
interface Calls {
  /** The output whose layer was asked for last: the executor does so just before it calls the layer. */
  asked: Asked | null;
  /** By the tidy that the executor runs in: each execution has one of its own. */
  readonly runs: WeakMap<object, Run[]>;
}

const callsOf = new WeakMap<object, Calls>();

/** Has the outputs of a layer's place in a model tell when their layer is asked for. */
function watch(layer: tfl.layers.Layer, place: readonly tfl.SymbolicTensor[]): void {
  const calls = callsOf.get(layer) ?? { asked: null, runs: new WeakMap<object, Run[]>() };
  callsOf.set(layer, calls);
  place.forEach((output, index) => {
    Object.defineProperty(output, 'sourceLayer', {
      configurable: true,
      enumerable: true,
      get: () => {
        calls.asked = { place, index };
        return layer;
      },
      set: (value: tfl.layers.Layer) => {
        Object.defineProperty(output, 'sourceLayer', { value, writable: true });
      },
    });
  });
}

/**
 * Applies a layer. Where tfjs's executor, which `predict`, `fit`, `evaluate` and `apply` of a model run, calls it for a
 * further output of the same place in the model, with the very tensors, mode and weights that it was called with before
 * in this execution, it gets what the layer gave then: a backbone with four outputs would run four times, and draw four times what is left
 * out, although each output is taken of the first run. Calls by anybody else run the layer.
 *
 * @param training whether it is called for training
 * @param apply runs the layer on symbolic or other tensors
 */
export function runOnce<T>(
  layer: tfl.layers.Layer,
  inputs: AppliedTo,
  training: boolean,
  apply: () => T,
): T {
  const list = [inputs].flat() as (tf.Tensor | tfl.SymbolicTensor)[];
  if (!list.every((input): input is tf.Tensor => input instanceof tf.Tensor)) {
    const outputs = apply();
    if (Array.isArray(outputs)) watch(layer, outputs as tfl.SymbolicTensor[]);
    return outputs;
  }
  const calls = callsOf.get(layer);
  const scope = tf.engine().state.activeScope as object | null | undefined;
  const asked = calls?.asked;
  if (!calls || !asked || !scope) return apply();
  calls.asked = null;
  const runs = calls.runs.get(scope) ?? [];
  const known = runs.find(
    ({ place, inputs: own, served, ...run }) =>
      place === asked.place &&
      !served.has(asked.index) &&
      run.training === training &&
      [run.outputs].flat()[asked.index]?.isDisposed === false &&
      sameData(run.weights, layer) &&
      own.length === list.length &&
      own.every((input, i) => input === list[i]),
  );
  if (known) {
    known.served.add(asked.index);
    return known.outputs as T;
  }
  const outputs = apply();
  const run = {
    place: asked.place,
    inputs: list,
    outputs: outputs as Outputs,
    training,
    weights: dataOf(layer),
  };
  calls.runs.set(scope, [...runs, { ...run, served: new Set([asked.index]) }]);
  return outputs;
}

/** What holds the values of a layer's weights: other data once they have changed. */
function dataOf({ weights }: tfl.layers.Layer): object[] {
  return weights.map((weight) => weight.read().dataId);
}

function sameData(known: readonly object[], layer: tfl.layers.Layer): boolean {
  const now = dataOf(layer);
  return now.length === known.length && now.every((data, i) => data === known[i]);
}

/**
 * To be called where a layer is asked for its outputs: by the executor after each call, which has asked for the layer
 * then; and by `execute` of a model, which has not, before an execution in the tidy of whoever called it.
 */
export function outputsAsked(layer: tfl.layers.Layer): void {
  const calls = callsOf.get(layer);
  const scope = tf.engine().state.activeScope as object | null | undefined;
  if (calls?.asked === null && scope) calls.runs.delete(scope);
  if (calls) calls.asked = null;
}
