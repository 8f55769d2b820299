/** A stack of columns as one node of the tape, or on the plain tape. */
import * as tf from '@tensorflow/tfjs-core';

import { assertFirstOrder, disposingTapeOnError, isTapeOn } from '../engine/engine';
import { ensureGradient, ensureKernel, runKernelOutputs } from '../engine/kernel';
import { requireFullPrecision } from '../engine/precision';
import { drawSeed } from '../engine/random';
import { atPlace, passesVariablesOn } from '../engine/reads';
import { free, tidyAll } from '../engine/tensors';
import { clampAlphas, type NamedAlpha, namedAlphas } from './alpha';
import { anchorColumns, type AnchorSpacing } from './anchors';
import { type Column, columnForward, type Features, listedState } from './column';
import { type LevelContext } from './level_function';
import { type FunctionRunner, keyOf, recordState, runPlainly, type StateLog } from './state';
import { ReversibleWalk, type SavedRun, weightSlots } from './walk';

/** Name of the kernel that a stack of columns is on the tape. */
export const BACKBONE_KERNEL = 'RevColBackbone';
passesVariablesOn(BACKBONE_KERNEL);

/** How to run a stack of columns. */
export interface RunOptions {
  /** `'reversible'`: one tape node that keeps no activations; `'stored'`: the plain tape. */
  backprop: 'reversible' | 'stored';
  training: boolean;
  anchorEvery: AnchorSpacing;
  /** Columns whose top level is returned as well, ascending. */
  taps: readonly number[];
  mask?: tf.Tensor;
  /** Earlier keys and values, when tokens are generated one after another. */
  caches?: LevelContext['caches'];
  /** Seed of all randomness; drawn from `Math.random` when absent. */
  seed?: number;
  /**
   * Features that the first column adds to and fuses with. Absent for a whole backbone, whose first
   * column has no previous one.
   */
  previous?: Features;
  /** Which levels of the last column the caller will use; the others' gradients are known zero. */
  usesLevels?: readonly boolean[];
}

/** Features that leave the stack. */
export interface StackOutput {
  /** All levels of the last column. */
  last: tf.Tensor[];
  /** Top level of each tapped column, in the order of `taps`. */
  tapped: tf.Tensor[];
}

type GradientThunks = Record<string, () => tf.Tensor>;

/** What one run of the kernel needs besides tensors; travels as the kernel's attributes. */
export interface Plan {
  columns: readonly Column[];
  context: Omit<LevelContext, 'mask'>;
  taps: readonly number[];
  anchors: ReadonlySet<number>;
  usesLevels: readonly boolean[];
  hasMask: boolean;
  hasPrevious: boolean;
  taped: boolean;
  /** Which state the forward pass has kept; written by it. */
  stateLog: StateLog;
}

/**
 * Runs the columns on the stem's output (paper section 2.1).
 *
 * In `'reversible'` mode all columns are one node of the tape, which saves the stem's output, the
 * last column's features and the anchors; its gradient walks the columns back. In `'stored'` mode
 * tfjs records every operation.
 *
 * @param stem output of the stem, which feeds level 0 of every column
 * @throws {Error} when `'reversible'` gradients are asked for on 16-bit textures
 */
export function runColumns(
  columns: readonly Column[],
  stem: tf.Tensor,
  options: RunOptions,
): StackOutput {
  return disposingTapeOnError(() => {
    const alphas = namedAlphas(columns, options.previous != null);
    const magnitudes = clampAlphas(alphas);
    const { training, caches } = options;
    const context = { training, caches, seed: options.seed ?? drawSeed() };
    if (options.backprop === 'stored') {
      return runStored(columns, stem, { ...context, mask: options.mask }, options);
    }
    const taped = isTapeOn();
    if (taped) requireFullPrecision("RevColBackbone: training with backprop 'reversible'");
    const levels = columns[0]?.levels.length ?? 0;
    const plan: Plan = {
      columns,
      context,
      taps: options.taps,
      usesLevels: options.usesLevels ?? Array.from({ length: levels }, () => true),
      anchors: taped
        ? anchorsFor(columns.length, alphas, magnitudes, options.anchorEvery)
        : new Set(),
      hasPrevious: options.previous != null,
      hasMask: options.mask != null,
      taped,
      stateLog: { entries: [], order: new Map() },
    };
    return runNode(plan, stem, options);
  });
}

/** Anchors by column; -1 stands for the given previous features. */
function anchorsFor(
  columns: number,
  alphas: readonly NamedAlpha[],
  magnitudes: readonly number[],
  spacing: AnchorSpacing,
): Set<number> {
  // Shifted by one, so that the features given to the first column come first.
  const minima = Array.from({ length: columns + 1 }, (): number[] => []);
  alphas.forEach(({ column, level }, i) => {
    (minima[column + 1] as number[])[level] = magnitudes[i] as number;
  });
  const hasPrevious = alphas.some(({ column }) => column === 0);
  if (!hasPrevious) return anchorColumns(minima.slice(1), spacing);
  return new Set([...anchorColumns(minima, spacing)].map((i) => i - 1));
}

function runStored(
  columns: readonly Column[],
  stem: tf.Tensor,
  context: LevelContext,
  { taps, previous }: RunOptions,
): StackOutput {
  return tidyAll(() => {
    let features: Features | null = previous ?? null;
    const tapped: tf.Tensor[] = [];
    columns.forEach((column, i) => {
      features = columnForward(column, i, stem, features, context);
      if (taps.includes(i)) tapped.push(tf.clone(features[features.length - 1] as tf.Tensor));
    });
    return { last: features as unknown as tf.Tensor[], tapped };
  });
}

const previousName = (level: number) => `previous${level}`;

function runNode(plan: Plan, stem: tf.Tensor, { mask, previous }: RunOptions): StackOutput {
  ensureKernel<tf.NamedTensorMap, Plan>(BACKBONE_KERNEL, ({ inputs, attrs }) =>
    forwardKernel(attrs, inputs),
  );
  const inputs: tf.NamedTensorMap = { stem };
  if (mask) inputs.mask = mask;
  previous?.forEach((p, l) => {
    inputs[previousName(l)] = p;
  });
  for (const { name, variable } of weightSlots(plan.columns, plan.hasPrevious)) {
    inputs[name] = variable;
  }
  const outputs = runKernelOutputs(BACKBONE_KERNEL, inputs, plan);
  const levels = (plan.columns[0] as Column).levels.length;
  const used = levels + plan.taps.length;
  // The tape keeps its own copies of the anchors and of the state.
  free(...outputs.slice(used));
  return { last: outputs.slice(0, levels), tapped: outputs.slice(levels, used) };
}

/**
 * Outputs of the kernel: last column's levels, tapped top levels, then, when taped and hidden from
 * the caller, the mask if any, the anchors' levels and the values of state. The tape saves them all.
 */
function forwardKernel(plan: Plan, inputs: tf.NamedTensorMap): tf.Tensor[] {
  return tidyAll(() => {
    if (!plan.taped) return forwardColumns(plan, inputs, runPlainly).used;
    const mask = inputs.mask ? [tf.clone(inputs.mask)] : [];
    const { result, log, values } = recordState(listedState(plan.columns), (run) =>
      forwardColumns(plan, inputs, (place, body) => run(place, () => atPlace(keyOf(place), body))),
    );
    plan.stateLog = log;
    return [...result.used, ...mask, ...result.anchors, ...values];
  });
}

/** What leaves the columns, and the features of those that are anchors, in their order. */
function forwardColumns(
  plan: Plan,
  inputs: tf.NamedTensorMap,
  run: FunctionRunner,
): { used: tf.Tensor[]; anchors: tf.Tensor[] } {
  const context: LevelContext = { ...plan.context, mask: inputs.mask };
  const stem = inputs.stem as tf.Tensor;
  const tapped: tf.Tensor[] = [];
  const anchors: tf.Tensor[] = [];
  let features: Features | null = plan.hasPrevious
    ? (plan.columns[0] as Column).levels.map((_, l) =>
        tf.clone(inputs[previousName(l)] as tf.Tensor),
      )
    : null;
  if (features && plan.anchors.has(-1)) anchors.push(...features);
  plan.columns.forEach((column, i) => {
    const next = columnForward(column, i, stem, features, context, run);
    if (features && !plan.anchors.has(i - 1)) free(...features);
    features = next;
    if (plan.anchors.has(i)) anchors.push(...next);
    if (plan.taps.includes(i)) tapped.push(tf.clone(next[next.length - 1] as tf.Tensor));
  });
  return { used: [...(features ?? []), ...tapped], anchors };
}

/** tfjs asks index by index which outputs to save, and their number varies: all of them. */
const SAVE_ALL_OUTPUTS = new Proxy<boolean[]>([], { get: () => true });

ensureGradient<tf.Tensor[], Plan>({
  kernelName: BACKBONE_KERNEL,
  inputsToSave: ['stem'],
  outputsToSave: SAVE_ALL_OUTPUTS,
  gradFunc: (dys, saved, attrs) => {
    assertFirstOrder('RevColBackbone');
    return disposingTapeOnError(() => backwardNode(attrs, dys, saved));
  },
});

function backwardNode(
  plan: Plan,
  dys: readonly tf.Tensor[],
  saved: readonly tf.Tensor[],
): GradientThunks {
  const walk = new ReversibleWalk(plan, splitSaved(plan, dys, saved));
  walk.toFirstTrainable();
  const gradients: GradientThunks = {
    stem: () => disposingTapeOnError(() => walk.stemGradient()),
    mask: () => {
      throw new Error('RevColBackbone: the mask has no gradient; stop asking for one');
    },
  };
  if (plan.hasPrevious) {
    (plan.columns[0] as Column).levels.forEach((_, l) => {
      gradients[previousName(l)] = () => disposingTapeOnError(() => walk.previousGradient(l));
    });
  }
  for (const { name } of weightSlots(plan.columns, plan.hasPrevious)) {
    gradients[name] = () => disposingTapeOnError(() => walk.weightGradient(name));
  }
  return gradients;
}

/** Of the tensors that the tape has saved for a run, the features of anchors, by column. */
export function savedAnchors(plan: Plan, saved: readonly tf.Tensor[]): Map<number, Features> {
  const levels = (plan.columns[0] as Column).levels.length;
  // The stem's output comes first.
  const start = 1 + levels + plan.taps.length + (plan.hasMask ? 1 : 0);
  const anchored = [...plan.anchors].sort((a, b) => a - b);
  return new Map(
    anchored.map((column, a) => {
      const at = start + a * levels;
      return [column, saved.slice(at, at + levels)];
    }),
  );
}

/** Sorts saved tensors and output gradients by role; frees gradients known to be zero. */
function splitSaved(plan: Plan, dys: readonly tf.Tensor[], saved: readonly tf.Tensor[]): SavedRun {
  const levels = (plan.columns[0] as Column).levels.length;
  const tapEnd = levels + plan.taps.length;
  const [stem, ...outputs] = saved as [tf.Tensor, ...tf.Tensor[]];
  // tfjs makes zeros for outputs that nobody used, and nobody can use the hidden ones.
  const isUsed = (i: number) => i < tapEnd && (i >= levels || plan.usesLevels[i] === true);
  dys.forEach((dy, i) => {
    if (!isUsed(i)) free(dy);
  });
  const anchorEnd = tapEnd + (plan.hasMask ? 1 : 0) + plan.anchors.size * levels;
  return {
    stem,
    last: outputs.slice(0, levels),
    tapped: new Map(plan.taps.map((column, t) => [column, outputs[levels + t] as tf.Tensor])),
    mask: plan.hasMask ? outputs[tapEnd] : undefined,
    anchors: savedAnchors(plan, saved),
    states: outputs.slice(anchorEnd),
    dLast: dys.slice(0, levels).map((dy, l) => (isUsed(l) ? dy : null)),
    dTapped: new Map(plan.taps.map((column, t) => [column, dys[levels + t] as tf.Tensor])),
  };
}
