/** A forward pass whose way back is walked later: when what it gave has been read, and decided on. */
import * as tf from '@tensorflow/tfjs-core';

import { isInGradient } from './engine';
import { recorded } from './started_tape';
import { GradientSums, inputGradient, pathNodes } from './tape';
import { tidyAll } from './tensors';

/** A forward pass that has run. */
export interface Linearized {
  /** What it gave; the caller's. They must live until the way back has been walked. */
  readonly outputs: readonly tf.Tensor[];
  /**
   * Walks back once, and frees what the forward pass has saved.
   *
   * @param dys gradients of outputs, by their places; null: none. They stay the caller's
   * @returns a gradient for each of `xs`, null where it has none; the caller's
   */
  pullBack(dys: readonly (tf.Tensor | null)[]): (tf.Tensor | null)[];
  /** Frees what the forward pass has saved, where the way back is not walked. Outputs stay. */
  dispose(): void;
}

/**
 * Runs `f` and keeps what its way back needs. Unlike with `tf.grads`, other code may run in between, also what waits
 * for the device: a training step that decides by what a part of the network gave on what the next part is to see.
 *
 * @param f gives tensors that it has made
 * @param xs tensors and variables whose gradients are wanted
 */
export function linearize(f: () => readonly tf.Tensor[], xs: readonly tf.Tensor[]): Linearized {
  if (isInGradient()) {
    throw new Error(
      'linearize: a gradient is being recorded; call it outside of tf.grads and minimize',
    );
  }
  const { result: outputs, tape } = recorded(() => [...f()]);
  const path = pathNodes(tape, xs, outputs);
  const onPath = new Set(path.map(({ node }) => node));
  const freeSaved = (nodes: readonly { saved?: tf.Tensor[] }[]) =>
    nodes.forEach(({ saved }) => tf.dispose(saved ?? []));
  freeSaved(tape.filter((node) => !onPath.has(node)));
  const free = () => freeSaved(path.map(({ node }) => node));
  let isWalked = false;
  return {
    outputs,
    dispose: free,
    pullBack: (dys) => {
      if (isWalked)
        throw new Error('linearize: the way back has been walked; run the function again');
      isWalked = true;
      try {
        return tidyAll(() => {
          const sums = new GradientSums();
          outputs.forEach((y, i) => {
            const dy = dys[i];
            if (dy) sums.add(y, tf.clone(dy));
          });
          for (const { node, inputs } of [...path].reverse()) {
            const own = node.outputs.map((y) => sums.of(y));
            if (own.some((dy) => dy !== null)) {
              if (!node.gradient) {
                throw new Error(
                  `Cannot compute gradient: gradient function not found for ${node.kernelName}.`,
                );
              }
              // tfjs makes zeros where there is null.
              const thunks = node.gradient(own as tf.Tensor[]);
              for (const [name, input] of inputs) {
                sums.add(input, inputGradient(node, name, input, thunks[name]));
              }
            }
            for (const output of node.outputs) sums.take(output)?.dispose();
            freeSaved([node]);
          }
          return xs.map((x) => sums.take(x));
        });
      } finally {
        free();
      }
    },
  };
}
