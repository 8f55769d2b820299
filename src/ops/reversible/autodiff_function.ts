/** Level functions made of arbitrary tfjs code, which tfjs differentiates. */
import * as tf from '@tensorflow/tfjs-core';

import { valueAndGradients } from '../engine/engine';
import { withSeededRandom } from '../engine/random';
import type {
  FunctionGradients,
  LevelContext,
  LevelFunction,
  LinearizedFunction,
} from './level_function';

/** A computation that tfjs differentiates: any layer of a user's, for example. */
export type PlainComputation = (inputs: tf.Tensor[], context: LevelContext) => tf.Tensor;

/**
 * A function made of arbitrary tfjs code. Its gradient is tfjs autodiff of a second run, with the same
 * random numbers. Needs the gradients of the tfjs ops it uses to be registered.
 */
export class AutodiffFunction implements LevelFunction {
  constructor(
    private readonly label: string,
    private readonly fn: PlainComputation,
    readonly weights: readonly tf.Variable[],
    readonly state: readonly tf.Variable[],
  ) {}

  forward(inputs: readonly tf.Tensor[], context: LevelContext): tf.Tensor {
    return withSeededRandom(context.seed, () => tf.tidy(() => this.fn([...inputs], context)));
  }

  linearize(inputs: readonly tf.Tensor[], context: LevelContext): LinearizedFunction {
    const kept = inputs.map((x) => tf.clone(x));
    return {
      output: this.forward(inputs, context),
      pullback: (dOutput) => {
        const { output, dInputs, dWeights } = this.vjp(kept, context, dOutput);
        output.dispose();
        kept.forEach((x) => x.dispose());
        return { dInputs, dWeights };
      },
    };
  }

  vjp(
    inputs: readonly tf.Tensor[],
    context: LevelContext,
    dOutput: tf.Tensor,
  ): { output: tf.Tensor } & FunctionGradients {
    return tf.tidy(() => {
      // Clones tell the same tensor given twice apart.
      const xs = inputs.map((x) => tf.clone(x));
      const wanted: tf.Tensor[] = [...xs, ...this.weights];
      const { value, gradients } = this.explaining(() =>
        withSeededRandom(context.seed, () =>
          valueAndGradients(() => this.fn([...xs], context), wanted, dOutput),
        ),
      );
      const own = gradients.map((g, i) =>
        g == null ? tf.zerosLike(wanted[i] as tf.Tensor) : g === dOutput ? tf.clone(g) : g,
      );
      return {
        output: xs.includes(value) ? tf.clone(value) : value,
        dInputs: own.slice(0, xs.length),
        dWeights: own.slice(xs.length),
      };
    });
  }

  private explaining<T>(fn: () => T): T {
    try {
      return fn();
    } catch (error) {
      const missing = /gradient function not found for (\w+)/.exec(String(error))?.[1];
      if (missing == null) throw error;
      throw new Error(
        `${this.label}: tfjs has no gradient registered for ${missing}, because only ` +
          `@tensorflow/tfjs-core is imported; import '@tensorflow/tfjs' (or tfjs-node) once in ` +
          `your program`,
        { cause: error },
      );
    }
  }
}
