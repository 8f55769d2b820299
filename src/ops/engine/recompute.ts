/** Gradient checkpointing for any tfjs code. */
import * as tf from '@tensorflow/tfjs-core';

import {
  assertFirstOrder,
  disposingTapeOnError,
  isTapeOn,
  nextTensorId,
  recordReads,
  reviving,
  withFreshTape,
} from './engine';
import { ensureGradient, ensureKernel, runKernelOutputs } from './kernel';
import { pullBack } from './pull_back';
import { drawSeed, withSeededRandom } from './random';
import { forEachLeaf, mapTensors, tensorsIn } from './structure';
import { free, tidyAll } from './tensors';
import { keptValue, runRepeatably, undoingWrites, watchingWrites } from './writes';

/**
 * Gradient checkpointing for any tfjs code (Chen et al. 2016, arXiv 1604.06174): the returned
 * function computes what `fn` does, but keeps only its arguments for the backward pass, and what it
 * reads from outside, and runs `fn` again there. Gradients flow to the arguments, to every variable
 * and to every other tensor that `fn` reads.
 *
 * Arguments and result may be tensors of any dtype, and arrays and records of tensors, nested in any
 * way; whatever else is in them is passed on as it is.
 *
 * Random ops inside `fn` repeat themselves. Variables that it assigns to, such as the moving
 * statistics of a batch normalisation, are assigned once: the second run finds the values that the
 * first one found, and what it writes is discarded. `fn` must be synchronous and, but for variables,
 * must not have side effects that change its result.
 *
 * @param fn function that gives the same tensors whenever it is given the same; parameters without a
 *   type are tensors
 * @throws {Error} when `fn` returns a promise, or an instance of a class that holds tensors, whose
 *   gradients would be lost
 *
 * @example
 * const block = recompute((x: tf.Tensor2D) => tf.relu(tf.matMul(x, w)));
 * const { grads } = tf.variableGrads(() => tf.sum(block(block(x))));
 */
export function recompute<Args extends unknown[] = tf.Tensor[], R = unknown>(
  fn: (...args: Args) => R,
): (...args: Args) => R {
  return (...args) => {
    if (!isTapeOn()) return fn(...args);
    return disposingTapeOnError(() => runNode(fn, args));
  };
}

/** What the tape node needs besides tensors. Of its inputs the first ones are saved. */
interface RecomputeAttrs {
  /** Runs the function with other tensors as arguments. */
  run: (args: readonly tf.Tensor[]) => unknown;
  /** Tensors of the first run's result. */
  outputs: readonly tf.Tensor[];
  /** Tensors among the arguments; the first inputs. */
  args: readonly tf.Tensor[];
  /** Tensors read from outside; the inputs after the arguments. */
  external: readonly tf.Tensor[];
  /** State that the function reads or assigns to, whose values are the inputs after those. */
  state: readonly tf.Variable[];
  /** Variables that the function reads; the last inputs, which are not saved. */
  variables: readonly tf.Variable[];
}

function runNode<Args extends unknown[], R>(fn: (...args: Args) => R, given: Args): R {
  const args = tensorsIn(given);
  const run = repeatable(fn, given, args);
  const before = new Map<tf.Variable, tf.Tensor>();
  const keep = (variable: tf.Variable) => {
    if (!before.has(variable)) before.set(variable, keptValue(variable));
  };
  // What `fn` reads through these it has been given, not found outside.
  const xs = withFreshTape(() => args.map((x) => tf.reshape(x, x.shape)));
  try {
    const { result, variables, external } = watchingWrites(keep, () =>
      runRepeatably(
        () => recordReads(() => run(xs)),
        (first) => tf.dispose(tensorsIn(first.result)),
      ),
    );
    // Something else may change what it only reads before the backward pass.
    variables.filter((v) => !v.trainable).forEach(keep);
    const attrs: RecomputeAttrs = {
      run,
      outputs: tensorsIn(result),
      args,
      external: external.filter((t) => !xs.includes(t)),
      state: [...before.keys()],
      variables,
    };
    if (attrs.outputs.length > 0) recordNode(attrs, [...before.values()]);
    return result;
  } finally {
    free(...xs, ...before.values());
  }
}

/**
 * `fn` as a function of the tensors in its arguments, which draws the same random numbers in every
 * run and whose result shares no tensor with what it is given or reads.
 */
function repeatable<Args extends unknown[], R>(
  fn: (...args: Args) => R,
  given: Args,
  args: readonly tf.Tensor[],
): (xs: readonly tf.Tensor[]) => R {
  const seed = drawSeed();
  // A copy: the caller may fill the arrays and records with other tensors later.
  const frame = mapTensors(given, (x) => x);
  return (xs) =>
    withSeededRandom(seed, () =>
      tidyAll(() => {
        const firstOwn = nextTensorId();
        const result = fn(...mapTensors(frame, (x) => xs[args.indexOf(x)] as tf.Tensor));
        requireVisible(result);
        const copies = new Map<tf.Tensor, tf.Tensor>();
        return mapTensors(result, (y) => {
          if (!(y instanceof tf.Variable) && y.id >= firstOwn) return y;
          const copy = copies.get(y) ?? tf.clone(y);
          copies.set(y, copy);
          return copy;
        });
      }),
    );
}

function requireVisible(result: unknown): void {
  forEachLeaf(result, (leaf) => {
    if (typeof leaf !== 'object' || leaf === null || ArrayBuffer.isView(leaf)) return;
    if (typeof (leaf as { then?: unknown }).then === 'function') {
      throw new Error('recompute: fn returned a promise; it must be synchronous');
    }
    const held = leaf instanceof Map || leaf instanceof Set ? [...leaf.values()] : leaf;
    if (!Object.values(held).some((value) => value instanceof tf.Tensor)) return;
    throw new Error(
      `recompute: fn returned an instance of ${leaf.constructor.name} that holds tensors, whose ` +
        `gradients would be lost; return arrays and plain records`,
    );
  });
}

const inputName = (i: number) => `input${i}`;

function recordNode(attrs: RecomputeAttrs, stateValues: readonly tf.Tensor[]): void {
  const { args, external, variables } = attrs;
  const saved = [...args, ...external, ...stateValues];
  const inputs: tf.NamedTensorMap = {};
  [...saved, ...variables].forEach((tensor, i) => {
    inputs[inputName(i)] = tensor;
  });
  runKernelOutputs(kernelFor(saved.length), inputs, attrs);
}

/**
 * The kernel that saves so many inputs: tfjs wants to know by name which ones to save, and saving
 * them as outputs instead would make it allocate zero gradients of their size.
 */
function kernelFor(count: number): string {
  const kernelName = `RevColRecompute${count}`;
  ensureKernel<unknown, RecomputeAttrs>(kernelName, ({ attrs }) => [...attrs.outputs]);
  ensureGradient<tf.Tensor | tf.Tensor[], RecomputeAttrs>({
    kernelName,
    inputsToSave: Array.from({ length: count }, (_, i) => inputName(i)),
    gradFunc: (dy, saved, attrs) => {
      assertFirstOrder('recompute');
      return disposingTapeOnError(() => gradientThunks([dy].flat(), saved, attrs));
    },
  });
  return kernelName;
}

const isReal = (tensor: tf.Tensor) => tensor.dtype === 'float32';

function gradientThunks(
  dys: readonly tf.Tensor[],
  saved: readonly tf.Tensor[],
  attrs: RecomputeAttrs,
): Record<string, () => tf.Tensor> {
  const { external, state, variables } = attrs;
  const xs = saved.slice(0, attrs.args.length);
  const copies = saved.slice(xs.length, xs.length + external.length);
  const stateValues = saved.slice(xs.length + external.length);
  const gradientsOf = (wanted: tf.Tensor[]) =>
    reviving(external, copies, () =>
      undoingWrites(() => {
        state.forEach((variable, i) => variable.assign(stateValues[i] as tf.Tensor));
        return pullBack(() => realOutputs(attrs, xs), wanted, dys.filter(isReal));
      }),
    );
  const trainable = variables.filter((v) => v.trainable);
  const wanted = [...xs, ...external, ...trainable].filter(isReal);
  const gradients = gradientsOf(wanted);
  const inputs = [...xs, ...external, ...stateValues, ...variables];
  return Object.fromEntries(
    inputs.map((x, i) => [
      inputName(i),
      () => {
        const at = wanted.indexOf(x);
        // Frozen weights and state: hardly ever asked for, so not computed with the others.
        const gradient =
          at < 0 && variables.includes(x as tf.Variable) && isReal(x)
            ? gradientsOf([x])[0]
            : gradients[at];
        return gradient ? tf.clone(gradient) : tf.zeros(x.shape);
      },
    ]),
  );
}

function realOutputs({ run, outputs }: RecomputeAttrs, xs: readonly tf.Tensor[]): tf.Tensor[] {
  const again = tensorsIn(run(xs));
  const same =
    again.length === outputs.length &&
    again.every((y, i) => tf.util.arraysEqual(y.shape, (outputs[i] as tf.Tensor).shape));
  if (!same) {
    throw new Error(
      `recompute: fn gave ${again.length} tensors in the backward pass after ${outputs.length} in ` +
        `the forward pass, or other shapes; it must do the same whenever it is given the same`,
    );
  }
  return again.filter(isReal);
}
