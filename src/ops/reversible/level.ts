import * as tf from '@tensorflow/tfjs-core';

import { deriveSeed } from '../engine/random';
import { free, tidyAll } from '../engine/tensors';
import { type FunctionGradients, type LevelContext, type LevelFunction } from './level_function';

/** One level of one column: its functions in order, the fusion first, then the blocks. */
export interface Level {
  functions: readonly LevelFunction[];
}

/** Values of the functions' state variables before a forward pass, function by function. */
export type StateSnapshot = readonly (readonly tf.Tensor[])[];

function functionContext(context: LevelContext, index: number): LevelContext {
  return { ...context, seed: deriveSeed(context.seed, index) };
}

/** Output of a level given the operands of its fusion. */
export function levelForward(
  level: Level,
  inputs: readonly tf.Tensor[],
  context: LevelContext,
): tf.Tensor {
  return tf.tidy(() => {
    let current: readonly tf.Tensor[] = inputs;
    level.functions.forEach((fn, s) => {
      const output = fn.forward(current, functionContext(context, s));
      // A tape that records (stored mode) holds on to what it needs by itself.
      if (s > 0) free(...current);
      current = [output];
    });
    return current[0] as tf.Tensor;
  });
}

/** Copies of the level's state variables; cheap, because a copy shares its data. */
export function snapshotState(level: Level): tf.Tensor[][] {
  return level.functions.map((fn) => fn.state.map((v) => tf.clone(v)));
}

/**
 * Runs `fn` with the level's state variables as they were before the forward pass, and puts back
 * afterwards what they hold now: recomputation must neither see nor repeat an update.
 */
function withState<T>(level: Level, snapshot: StateSnapshot, fn: () => T): T {
  const variables = level.functions.flatMap((fn, s) => (snapshot[s] ? [...fn.state] : []));
  if (variables.length === 0) return fn();
  const before = snapshot.flat();
  const now = variables.map((v) => tf.clone(v));
  const write = (values: readonly tf.Tensor[]) => {
    variables.forEach((v, i) => v.assign(tf.clone(values[i] as tf.Tensor)));
  };
  try {
    tf.tidy(() => write(before));
    return fn();
  } finally {
    tf.tidy(() => write(now));
    free(...now);
  }
}

/**
 * Recomputes a level once and differentiates it: the output serves to undo the column, the
 * activations give the gradients. Goes function by function and frees each tensor after its last use.
 *
 * @param inputs operands of the fusion; stay the caller's
 * @param dOutput gradient of the output; stays the caller's
 */
export function levelBackward(
  level: Level,
  inputs: readonly tf.Tensor[],
  context: LevelContext,
  snapshot: StateSnapshot,
  dOutput: tf.Tensor,
): { output: tf.Tensor } & FunctionGradients {
  return tidyAll(() =>
    withState(level, snapshot, () => {
      const last = level.functions.length - 1;
      const pullbacks: ((d: tf.Tensor) => FunctionGradients)[] = [];
      const weightGradients: tf.Tensor[][] = [];
      let current: readonly tf.Tensor[] = inputs;
      let output: tf.Tensor | null = null;
      let gradient: tf.Tensor[] = [];
      level.functions.forEach((fn, s) => {
        const at = functionContext(context, s);
        if (s === last && fn.vjp) {
          const result = fn.vjp(current, at, dOutput);
          output = result.output;
          gradient = result.dInputs;
          weightGradients[s] = result.dWeights;
          return;
        }
        const linearized = fn.linearize(current, at);
        pullbacks[s] = linearized.pullback;
        if (s > 0) free(...current);
        current = [linearized.output];
        if (s === last) output = linearized.output;
      });
      for (let s = last; s >= 0; s--) {
        const pullback = pullbacks[s];
        if (!pullback) continue;
        const { dInputs, dWeights } = pullback(s === last ? dOutput : (gradient[0] as tf.Tensor));
        free(...gradient);
        gradient = dInputs;
        weightGradients[s] = dWeights;
      }
      return {
        output: output as unknown as tf.Tensor,
        dInputs: gradient,
        dWeights: weightGradients.flat(),
      };
    }),
  );
}
