/** The way back through the columns, which undoes and differentiates them. */
import * as tf from '@tensorflow/tfjs-core';

import { productSum } from '../column_sum';
import { accumulate, free } from '../engine/tensors';
import { weightTaker } from '../engine/weight_taker';
import { scaledSum } from '../scaled_sum';
import {
  alphaPlace,
  type Column,
  type Features,
  levelContext,
  levelRunner,
  operands,
  operandTensors,
  undoLevel,
} from './column';
import { type Level, levelBackward, type TakeGradients } from './level';
import { type LevelContext } from './level_function';
import { keyOf, type StateLog, StateReplay } from './state';

/**
 * Tensors that a run has saved for its gradient, by role. All belong to the engine's tape, which frees
 * them when all of its gradients are there; the walk frees features that it has used up before that.
 */
export interface SavedRun {
  stem: tf.Tensor;
  /** Features of the last column. */
  last: Features;
  /** Top level of tapped columns, by column. */
  tapped: ReadonlyMap<number, tf.Tensor>;
  mask?: tf.Tensor;
  /** Exact features by column. */
  anchors: ReadonlyMap<number, Features>;
  /** Values of state, one per entry of the plan's log. */
  states: readonly tf.Tensor[];
  /** Gradients of the last column's features; null where known to be zero. */
  dLast: readonly (tf.Tensor | null)[];
  /** Gradients of tapped top levels, by column. */
  dTapped: ReadonlyMap<number, tf.Tensor>;
}

/** A trainable variable and the name under which the tape node takes it. */
export interface WeightSlot {
  name: string;
  variable: tf.Variable;
}

const alphaName = (column: number, level: number) => `c${column}l${level}alpha`;
const weightName = (column: number, level: number, weight: number) =>
  `c${column}l${level}w${weight}`;

/**
 * All variables whose gradients the node gives, in a fixed order.
 *
 * @param hasPrevious whether the first column adds to given features and so uses its alphas
 */
export function weightSlots(columns: readonly Column[], hasPrevious: boolean): WeightSlot[] {
  return columns.flatMap((column, i) =>
    column.levels.flatMap((level, l) => [
      ...((i > 0 || hasPrevious) && column.alphaTrainable
        ? [{ name: alphaName(i, l), variable: column.alphas[l] as tf.Variable }]
        : []),
      ...level.functions
        .flatMap((fn) => fn.weights)
        .map((variable, w) => ({ name: weightName(i, l, w), variable })),
    ]),
  );
}

interface WalkPlan {
  columns: readonly Column[];
  context: Omit<LevelContext, 'mask'>;
  hasPrevious: boolean;
  stateLog: StateLog;
}

/**
 * The way back through the columns, last to first, top level to bottom: undoes each column and
 * differentiates it with one recomputation (paper section 2.1; design of the memory-free backward
 * pass in docs/how-it-works.md).
 *
 * Goes eagerly as far as the first trainable column. The rest, needed only for the gradient of the
 * stem's output, waits until somebody asks for that.
 */
export class ReversibleWalk {
  private column: number;
  /** Features of `column`, exact or recovered. */
  private features: (tf.Tensor | null)[];
  /** Gradients of those features. */
  private dFeatures: (tf.Tensor | null)[];
  private readonly dStem: (tf.Tensor | null)[] = [null];
  private readonly weightGradients = new Map<string, tf.Tensor>();
  private readonly context: LevelContext;
  private readonly state: StateReplay;
  /** Whoever takes gradients as soon as they are there. The others are kept until they are asked for. */
  private readonly taker = weightTaker();

  constructor(
    private readonly plan: WalkPlan,
    private readonly saved: SavedRun,
  ) {
    this.context = { ...plan.context, mask: saved.mask };
    this.column = plan.columns.length - 1;
    this.features = [...saved.last];
    this.dFeatures = saved.dLast.map((d) => (d ? tf.clone(d) : null));
    this.state = new StateReplay(plan.stateLog, saved.states);
  }

  /** Walks back as far as weights need it, and to the end where features were given. */
  toFirstTrainable(): void {
    const { columns, hasPrevious } = this.plan;
    const first = hasPrevious
      ? 0
      : columns.findIndex((column, i) => weightSlots([column], i > 0).length > 0);
    if (first >= 0) this.backTo(first);
  }

  /** Gradient of the stem's output; walks the remaining columns. */
  stemGradient(): tf.Tensor {
    this.backTo(0);
    const gradient = this.dStem[0];
    return gradient ? tf.clone(gradient) : tf.zerosLike(this.saved.stem);
  }

  /** Gradient of one level of the features that the first column was given. */
  previousGradient(level: number): tf.Tensor {
    return tf.clone(this.dFeatures[level] as tf.Tensor);
  }

  /** Gradient of one weight, by its slot's name; may be taken once. */
  weightGradient(name: string): tf.Tensor {
    const gradient = this.weightGradients.get(name);
    if (!gradient) throw new Error(`internal: no gradient for ${name}`);
    this.weightGradients.delete(name);
    const result = tf.clone(gradient);
    gradient.dispose();
    return result;
  }

  private backTo(first: number): void {
    this.state.during(() => {
      while (this.column >= first) this.stepBack();
    });
  }

  /** Undoes and differentiates the current column. */
  private stepBack(): void {
    const { columns } = this.plan;
    const index = this.column;
    const column = columns[index] as Column;
    const tapped = this.saved.dTapped.get(index);
    const top = column.levels.length - 1;
    if (tapped) accumulate(this.dFeatures, top, tf.clone(tapped));
    const isFirst = index === 0 && !this.plan.hasPrevious;
    const previous = isFirst ? [] : this.exactFeatures(index - 1);
    const dPrevious: (tf.Tensor | null)[] = column.levels.map(() => null);
    for (let l = top; l >= 0; l--) this.levelBack(index, l, isFirst, previous, dPrevious);
    this.column = index - 1;
    this.features = previous;
    this.dFeatures = dPrevious;
  }

  /** Features of a column as far as they were saved; null where they must be recovered. */
  private exactFeatures(index: number): (tf.Tensor | null)[] {
    const anchor = this.saved.anchors.get(index);
    const top = this.saved.last.length - 1;
    const tapped = this.saved.tapped.get(index);
    return this.saved.last.map((_, l) => {
      if (anchor) return anchor[l] as tf.Tensor;
      return l === top && tapped ? tf.clone(tapped) : null;
    });
  }

  private levelBack(
    index: number,
    l: number,
    isFirst: boolean,
    previous: (tf.Tensor | null)[],
    dPrevious: (tf.Tensor | null)[],
  ): void {
    const column = this.plan.columns[index] as Column;
    const list = operands(l, column.levels.length, isFirst, column.topFusion);
    const c = this.features[l] as tf.Tensor;
    const dc = this.dFeatures[l] ?? tf.zerosLike(c);
    const alpha = column.alphas[l] as tf.Variable;
    // Where there is nothing to undo, or it is known already, the features have done their work.
    const known = isFirst ? null : previous[l];
    if (isFirst || known) free(c);
    const recover = (output: tf.Tensor) => {
      const exact = known ?? (isFirst ? null : undoLevel(c, output, alpha));
      free(output, c);
      return exact;
    };
    const level = column.levels[l] as Level;
    const { recovered, dInputs, dWeights } = levelBackward(
      level,
      operandTensors(list, this.saved.stem, this.features, previous),
      levelContext(this.context, index, l),
      levelRunner(this.state.run, index, l),
      dc,
      recover,
      this.takeFrom(level, index, l),
    );
    if (recovered) {
      previous[l] = recovered;
      const others = dPrevious[l];
      dPrevious[l] = others ? scaledSum(dc, alpha, others) : tf.mul(dc, alpha);
      free(others);
      if (column.alphaTrainable) {
        const gradient = this.take(alpha, productSum(dc, recovered), alphaPlace(index, l));
        if (gradient) this.weightGradients.set(alphaName(index, l), gradient);
      }
    }
    free(dc);
    this.features[l] = null;
    this.dFeatures[l] = null;
    list.forEach((o, i) => {
      const d = dInputs[i] as tf.Tensor;
      if (o.from === 'stem') accumulate(this.dStem, 0, d);
      else accumulate(o.from === 'lower' ? this.dFeatures : dPrevious, o.level, d);
    });
    dWeights.forEach((d, w) => {
      if (d) this.weightGradients.set(weightName(index, l, w), d);
    });
  }

  /** The gradient, unless it has been taken. */
  private take(variable: tf.Variable, gradient: tf.Tensor, place: string): tf.Tensor | null {
    return this.taker?.take(variable, gradient, place) ? null : gradient;
  }

  private takeFrom(level: Level, index: number, l: number): TakeGradients {
    return (fn, gradients) => {
      const weights = level.functions[fn]?.weights ?? [];
      const place = keyOf([index, l, fn]);
      // A function may give one tensor for several weights.
      const own = gradients.map((d, w) => (gradients.indexOf(d) < w ? tf.clone(d) : d));
      return own.map((d, w) => this.take(weights[w] as tf.Variable, d, place));
    };
  }
}
