/** Holds the level functions of users' layers to the contract, with errors that name the layer. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { show } from '../../common/arguments';
import type { FunctionGradients, LevelFunction } from '../../ops/reversible/level_function';
import { variablesOf } from './composite_layer';
import { kindOf } from './own_classes';

/**
 * `fn` with what it gives checked, where tfjs or the walk would fail far from the cause.
 *
 * @param trained the weights of the layer that are to be trained
 * @throws {Error} when a field is missing, `weights` does not list what is trained, an output is an
 *   input, or there are not as many gradients, of the same shapes, as inputs and weights
 */
export function checkedFunction(
  layer: tfl.layers.Layer,
  fn: LevelFunction,
  trained: readonly tfl.LayerVariable[],
): LevelFunction {
  const owner = `${kindOf(layer)} ${layer.name}`;
  const fail = (what: string) => {
    throw new Error(`${owner}: ${what}; see LevelFunction`);
  };
  for (const field of ['weights', 'state'] as const) {
    if (!Array.isArray(fn[field])) fail(`its level function has no array ${field}`);
  }
  for (const method of ['forward', 'linearize'] as const) {
    if (typeof fn[method] !== 'function') fail(`its level function has no method ${method}`);
  }
  const unlisted = variablesOf(trained).filter((v) => !fn.weights.includes(v));
  if (unlisted.length > 0) {
    fail(
      `the weights of its level function lack ${unlisted.map((v) => v.name).join(', ')}, which ` +
        `would never be trained`,
    );
  }
  const checkOutput = (output: unknown, inputs: readonly tf.Tensor[], method: string) => {
    if (!(output instanceof tf.Tensor)) fail(`${method} gives no tensor as output`);
    if (inputs.includes(output as tf.Tensor)) {
      fail(
        `${method} gives an input itself as output; give tf.clone(x), which the caller may free`,
      );
    }
  };
  const checkGradients = (gradients: FunctionGradients, inputs: readonly number[][]) => {
    const expected = { dInputs: inputs, dWeights: fn.weights.map((w) => w.shape) };
    for (const name of ['dInputs', 'dWeights'] as const) {
      const given = (gradients as Partial<FunctionGradients> | undefined)?.[name];
      const shapes = Array.isArray(given) ? given.map((t) => t?.shape) : undefined;
      if (JSON.stringify(shapes) === JSON.stringify(expected[name])) continue;
      fail(
        `its gradients ${name} have the shapes ${show(shapes)}; expected ${show(expected[name])}`,
      );
    }
  };
  const { vjp } = fn;
  return {
    weights: fn.weights,
    state: fn.state,
    forward(inputs, context) {
      const output = fn.forward(inputs, context);
      checkOutput(output, inputs, 'forward');
      return output;
    },
    linearize(inputs, context) {
      const shapes = inputs.map((x) => x.shape);
      const { output, pullback } = fn.linearize(inputs, context);
      checkOutput(output, inputs, 'linearize');
      return {
        output,
        pullback(dOutput) {
          const gradients = pullback(dOutput);
          checkGradients(gradients, shapes);
          return gradients;
        },
      };
    },
    ...(vjp && {
      vjp(inputs, context, dOutput) {
        const result = vjp.call(fn, inputs, context, dOutput);
        checkOutput(result.output, inputs, 'vjp');
        checkGradients(
          result,
          inputs.map((x) => x.shape),
        );
        return result;
      },
    }),
  };
}
