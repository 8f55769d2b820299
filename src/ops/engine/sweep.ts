/**
 * Gradients of a loss, each handed over as soon as nothing will need its variable any more, so that the
 * variable may change there and then and the gradient be freed.
 *
 * tfjs walks its tape node by node, but keeps every gradient and everything that nodes have saved until
 * the whole walk has ended. Here the same nodes are walked in the same order, with the same sums, and
 * what a node has saved and the gradients of its outputs are freed once it is done. A variable is
 * handed over after the first node, in the order of the forward pass, that read it in any way: no
 * later step of the walk back can read it again. A node that undoes and differentiates many parts, as
 * the columns' does, asks `weightTaker` to take gradients while it is at work.
 */
import * as tf from '@tensorflow/tfjs-core';

import { show } from '../../common/arguments';
import { nextTensorId } from './engine';
import { ReadNotes, watchingReads } from './reads';
import { startingTape } from './started_tape';
import { GradientSums, inputGradient, type PathNode, pathNodes, type TapeNode } from './tape';
import { type WeightTaker, withWeightTaker } from './weight_taker';
import { watchingWrites, writingForGood } from './writes';

/** What is done with the gradients. */
export interface SweepActions {
  /**
   * Called once the forward pass has run, before anything is differentiated.
   *
   * @param reached the variables that will get a gradient, in the order given
   */
  start(loss: tf.Tensor, reached: readonly tf.Variable[]): void;
  /** Called once for each of those; may assign to it. The gradient is freed afterwards. */
  update(variable: tf.Variable, gradient: tf.Tensor): void;
}

/**
 * Runs `f` forward and walks back.
 *
 * @param f gives the loss
 * @param variables those whose gradients are wanted, each once
 * @returns the loss; the caller's
 * @throws {Error} when the loss is no scalar or depends on no variable, or when the way back reads a
 *   variable after its update, by a gradient function that reads what its forward pass did not
 */
export function sweep(
  f: () => tf.Tensor,
  variables: readonly tf.Variable[],
  actions: SweepActions,
): tf.Tensor {
  return startingTape((tape, forward) => {
    const firstOwn = nextTensorId();
    const notes = new ReadNotes(tape);
    const written = new Set<tf.Variable>();
    const loss = notes.noting(() =>
      watchingWrites(
        (variable) => written.add(variable),
        () => forward(f),
      ),
    );
    try {
      if (!(loss instanceof tf.Tensor) || loss.rank !== 0) {
        throw new Error(`the loss is ${described(loss)}; expected a scalar tensor`);
      }
      const path = pathNodes(tape, variables, [loss]);
      const onPath = new Set(path.map(({ node }) => node));
      freeSaved(tape.filter((node) => !onPath.has(node)));
      tf.tidy(() => new Sweep(variables, path, notes, written, actions).run(loss));
      return loss;
    } catch (error) {
      if (loss instanceof tf.Tensor && loss.id >= firstOwn) loss.dispose();
      throw error;
    }
  });
}

/** What was given as a loss, for messages. */
export function described(loss: unknown): string {
  return loss instanceof tf.Tensor ? `a tensor of shape ${show(loss.shape)}` : String(loss);
}

function freeSaved(nodes: readonly TapeNode[]): void {
  for (const { saved } of nodes) tf.dispose(saved ?? []);
}

/** The walk back of one sweep. */
class Sweep implements WeightTaker {
  private readonly sums = new GradientSums();
  /** Variables that will get a gradient. */
  private readonly reached: readonly tf.Variable[];
  private readonly isReached: ReadonlySet<tf.Variable>;
  /** By the node after which nothing will read them any more. Others wait for the end. */
  private readonly due = new Map<number, Set<tf.Variable>>();
  private readonly given = new Set<tf.Variable>();
  private at!: PathNode;
  private updating = false;

  constructor(
    private readonly variables: readonly tf.Variable[],
    private readonly path: readonly PathNode[],
    private readonly notes: ReadNotes,
    /** Variables that the forward pass assigned to, whose values the way back may put back and forth. */
    written: ReadonlySet<tf.Variable>,
    private readonly actions: SweepActions,
  ) {
    const firstUse = new Map<tf.Tensor, number>();
    for (const { index, inputs } of [...path].reverse()) {
      for (const [, input] of inputs) firstUse.set(input, index);
    }
    this.reached = variables.filter((v) => firstUse.has(v));
    this.isReached = new Set(this.reached);
    const nodes = new Set(path.map(({ index }) => index));
    for (const variable of this.reached) {
      if (written.has(variable)) continue;
      const firstRead = notes.firstReader(variable, nodes) ?? Infinity;
      const index = Math.min(firstRead, firstUse.get(variable) as number);
      this.due.set(index, (this.due.get(index) ?? new Set()).add(variable));
    }
  }

  run(loss: tf.Tensor): void {
    if (this.reached.length === 0) {
      throw new Error(
        `Cannot find a connection between any of ${this.variables.length} variables and the loss; ` +
          `compute it from them within the function that is minimised`,
      );
    }
    this.actions.start(loss, this.reached);
    this.sums.add(loss, tf.ones([]));
    watchingReads(
      (variable) => this.refuseReading(variable),
      () => {
        for (const step of [...this.path].reverse()) this.back(step);
        for (const variable of this.reached) this.giveSum(variable);
      },
    );
  }

  private refuseReading(variable: tf.Variable): void {
    if (this.updating || !this.given.has(variable)) return;
    throw new Error(
      `the gradient of ${this.at.node.kernelName} reads ${variable.name}, which has been updated ` +
        `already, because the forward pass of ${this.at.node.kernelName} does not read it; let that ` +
        `compute with it as well, or use an optimizer with fused: false`,
    );
  }

  /** Differentiates a node, and hands over what no node before it has read. */
  private back(step: PathNode): void {
    this.at = step;
    const { node, index, inputs } = step;
    if (!node.gradient) {
      throw new Error(
        `Cannot compute gradient: gradient function not found for ${node.kernelName}.`,
      );
    }
    const gradient = node.gradient.bind(node);
    withWeightTaker(this, () => {
      // tfjs makes zeros where there is null.
      const thunks = gradient(node.outputs.map((y) => this.sums.of(y)) as tf.Tensor[]);
      for (const [name, input] of inputs) {
        if (this.given.has(input as tf.Variable)) continue;
        this.sums.add(input, inputGradient(node, name, input, thunks[name]));
      }
    });
    for (const output of node.outputs) this.sums.take(output)?.dispose();
    freeSaved([node]);
    for (const variable of this.due.get(index) ?? []) this.giveSum(variable);
  }

  private giveSum(variable: tf.Variable): void {
    if (this.given.has(variable)) return;
    const gradient = this.sums.take(variable);
    if (!gradient) throw new Error(`internal: no gradient for ${variable.name}`);
    this.give(variable, gradient);
  }

  private give(variable: tf.Variable, gradient: tf.Tensor): void {
    this.given.add(variable);
    this.updating = true;
    try {
      writingForGood(() => this.actions.update(variable, gradient));
    } finally {
      this.updating = false;
    }
    gradient.dispose();
  }

  take(variable: tf.Variable, gradient: tf.Tensor, place: string): boolean {
    if (!this.isReached.has(variable)) {
      gradient.dispose();
      return true;
    }
    const { index, inputs } = this.at;
    const isShared = inputs.filter(([, input]) => input === variable).length > 1;
    if (isShared || !this.due.get(index)?.has(variable)) return false;
    if (!this.notes.isReadOnlyAt(variable, index, place)) return false;
    const before = this.sums.take(variable);
    const sum = before ? tf.add(before, gradient) : gradient;
    if (before) tf.dispose([before, gradient]);
    this.give(variable, sum);
    return true;
  }
}
