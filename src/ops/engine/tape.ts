/** The nodes of tfjs's tape between variables and a loss, and the gradients that pass through them. */
import * as tf from '@tensorflow/tfjs-core';

import { nextTensorId } from './engine';

/** A node of tfjs's tape. */
export type TapeNode = NonNullable<ReturnType<typeof tf.engine>['state']['activeTape']>[number];

/** A node on the way from the variables to the loss. */
export interface PathNode {
  node: TapeNode;
  /** Place on the tape. */
  index: number;
  /** Inputs that depend on a variable, by name. */
  inputs: [name: string, tensor: tf.Tensor][];
}

/** The nodes that lead from `xs` to any of `ys`, in the order of the tape: those that tfjs differentiates. */
export function pathNodes(
  tape: readonly TapeNode[],
  xs: readonly tf.Tensor[],
  ys: readonly tf.Tensor[],
): PathNode[] {
  const fromX = new Set(xs.map(({ id }) => id));
  const candidates = tape.flatMap((node, index): PathNode[] => {
    const inputs = Object.entries(node.inputs).filter(([, { id }]) => fromX.has(id));
    if (inputs.length === 0) return [];
    for (const { id } of node.outputs) fromX.add(id);
    return [{ node, index, inputs }];
  });
  const toY = new Set(ys.map(({ id }) => id));
  const onPath = candidates.reverse().filter(({ node }) => {
    if (!node.outputs.some(({ id }) => toY.has(id))) return false;
    for (const { id } of Object.values(node.inputs)) toY.add(id);
    return true;
  });
  return onPath.reverse();
}

/** Gradients by the tensors that they belong to. Each is freed when it is used up. */
export class GradientSums {
  private readonly sums = new Map<number, tf.Tensor>();
  private readonly firstOwn = nextTensorId();

  /** Adds to the gradient of a tensor; `term` becomes this object's, or a copy of it does. */
  add(tensor: tf.Tensor, term: tf.Tensor): void {
    const own = this.owned(term);
    const before = this.sums.get(tensor.id);
    this.sums.set(tensor.id, before ? tf.add(before, own) : own);
    if (before) tf.dispose([before, own]);
  }

  /** A gradient function may hand over a tensor that it was given, keeps, or hands over twice. */
  private owned(term: tf.Tensor): tf.Tensor {
    const isNew = term.id >= this.firstOwn && !term.kept;
    return isNew && ![...this.sums.values()].includes(term) ? term : tf.clone(term);
  }

  /** The gradient of a tensor, which stays this object's; null where it has none. */
  of(tensor: tf.Tensor): tf.Tensor | null {
    return this.sums.get(tensor.id) ?? null;
  }

  /** The gradient of a tensor, which is the caller's from now on. */
  take(tensor: tf.Tensor): tf.Tensor | null {
    const sum = this.of(tensor);
    this.sums.delete(tensor.id);
    return sum;
  }
}

/** The gradient of an input, by its thunk. @throws {Error} when it does not fit the input */
export function inputGradient(
  { kernelName }: TapeNode,
  name: string,
  input: tf.Tensor,
  thunk: (() => tf.Tensor) | undefined,
): tf.Tensor {
  if (!thunk) throw new Error(`${kernelName}: input ${name} has no gradient`);
  const gradient = tf.tidy(thunk);
  if (gradient.dtype === 'float32' && tf.util.arraysEqual(gradient.shape, input.shape)) {
    return gradient;
  }
  throw new Error(
    `${kernelName}: the gradient of input ${name} is ${gradient.dtype} [${gradient.shape.join(', ')}]; ` +
      `expected float32 [${input.shape.join(', ')}]`,
  );
}
