/** One level of a column: its functions run forward, or run again and differentiated. */
import * as tf from '@tensorflow/tfjs-core';

import { deriveSeed } from '../engine/random';
import { free, tidyAll } from '../engine/tensors';
import { type FunctionGradients, type LevelContext, type LevelFunction } from './level_function';

/** One level of one column: its functions in order, the fusion first, then the blocks. */
export interface Level {
  functions: readonly LevelFunction[];
}

function functionContext(context: LevelContext, index: number): LevelContext {
  return { ...context, seed: deriveSeed(context.seed, index) };
}

/** Runs a function of a level, by its number; see `FunctionRunner`. */
export type LevelRunner = <T>(fn: number, run: () => T) => T;

/** Output of a level given the operands of its fusion. */
export function levelForward(
  level: Level,
  inputs: readonly tf.Tensor[],
  context: LevelContext,
  runFunction: LevelRunner,
): tf.Tensor {
  return tf.tidy(() => {
    let current: readonly tf.Tensor[] = inputs;
    level.functions.forEach((fn, s) => {
      const output = runFunction(s, () => fn.forward(current, functionContext(context, s)));
      // A tape that records (stored mode) holds on to what it needs by itself.
      if (s > 0) free(...current);
      current = [output];
    });
    return current[0] as tf.Tensor;
  });
}

/**
 * Takes gradients of a function's weights, by the function's number, as soon as they are there and the
 * weights are needed no more.
 *
 * @returns those that it did not take; null in place of the others
 */
export type TakeGradients = (fn: number, gradients: readonly tf.Tensor[]) => (tf.Tensor | null)[];

/** Gradients of a level. */
export interface LevelGradients {
  /** In input order. */
  dInputs: tf.Tensor[];
  /** Of all functions' weights, in their order; null for those that were taken. */
  dWeights: (tf.Tensor | null)[];
}

/**
 * Recomputes a level once and differentiates it: the output serves to undo the column, as soon as it is
 * there, the activations give the gradients. Goes function by function and frees each tensor after its last use.
 *
 * @param inputs operands of the fusion; stay the caller's
 * @param runFunction gives every run of a function the state that its forward pass found
 * @param dOutput gradient of the output; stays the caller's
 * @param recover gets the output, which becomes its own, before anything that was recomputed is freed;
 *   what it returns is among the results
 * @param take is called for each function once it has been differentiated, last to first
 */
export function levelBackward(
  level: Level,
  inputs: readonly tf.Tensor[],
  context: LevelContext,
  runFunction: LevelRunner,
  dOutput: tf.Tensor,
  recover: (output: tf.Tensor) => tf.Tensor | null,
  take: TakeGradients,
): { recovered: tf.Tensor | null } & LevelGradients {
  return tidyAll(() => {
    const last = level.functions.length - 1;
    const pullbacks: ((d: tf.Tensor) => FunctionGradients)[] = [];
    const weightGradients: (tf.Tensor | null)[][] = [];
    let current: readonly tf.Tensor[] = inputs;
    let recovered: tf.Tensor | null = null;
    let gradient: tf.Tensor[] = [];
    level.functions.forEach((fn, s) => {
      const at = functionContext(context, s);
      if (s === last && fn.vjp) {
        const vjp = fn.vjp.bind(fn);
        const result = runFunction(s, () => vjp(current, at, dOutput));
        recovered = recover(result.output);
        gradient = result.dInputs;
        weightGradients[s] = take(s, result.dWeights);
        return;
      }
      const linearized = runFunction(s, () => fn.linearize(current, at));
      pullbacks[s] = linearized.pullback;
      if (s > 0) free(...current);
      current = [linearized.output];
      if (s === last) recovered = recover(linearized.output);
    });
    for (let s = last; s >= 0; s--) {
      const pullback = pullbacks[s];
      if (!pullback) continue;
      const dFunction = s === last ? dOutput : (gradient[0] as tf.Tensor);
      const { dInputs, dWeights } = runFunction(s, () => pullback(dFunction));
      free(...gradient);
      gradient = dInputs;
      weightGradients[s] = take(s, dWeights);
    }
    return {
      recovered,
      dInputs: gradient,
      dWeights: weightGradients.flat(),
    };
  });
}
