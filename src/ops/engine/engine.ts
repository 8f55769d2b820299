/**
 * The one place that touches the insides of tfjs's engine: its tape, its counters, its tensors. (Its
 * count of bytes is watched in `watch_bytes.ts`, tapes are begun in `started_tape.ts`.)
 */
import * as tf from '@tensorflow/tfjs-core';

import { withWeightTaker } from './weight_taker';

type EngineState = ReturnType<typeof tf.engine>['state'];
/** A tape of tfjs's. */
export type Tape = NonNullable<EngineState['activeTape']>;

/** Methods of the engine that its types hide. */
interface HiddenEngine {
  endScope: (result?: unknown) => void;
  startTape: () => void;
  endTape: () => void;
  nextTensorId: () => number;
}

/** The engine with those. */
export function hidden(): HiddenEngine {
  return tf.engine() as unknown as HiddenEngine;
}

/** An id that no tensor has. Ids are numbers that rise: tensors made later have larger ones. */
export function nextTensorId(): number {
  return hidden().nextTensorId();
}

/** What the engine is at. */
export function state(): EngineState {
  return tf.engine().state;
}

/** True while a gradient is being recorded, so that what runs now may be differentiated later. */
export function isTapeOn(): boolean {
  return tf.engine().isTapeOn();
}

/** True while a gradient is being recorded, also within kernels, which are not differentiated themselves. */
export function isInGradient(): boolean {
  return state().gradientDepth > 0;
}

/**
 * For the start of every gradient function: the hand-written VJPs are not themselves differentiable.
 *
 * @throws {Error} when an outer gradient records meanwhile, that is, when somebody asks for
 *   second-order gradients; what the tape has saved is freed then
 */
export function assertFirstOrder(opName: string): void {
  if (state().gradientDepth > 0) {
    disposeTape();
    throw new Error(
      `${opName}: second-order gradients are not supported; take first-order gradients. This ` +
        `operation's gradient is written by hand and has none of its own, and backprop 'stored' runs ` +
        `through such operations as well: only what consists of tfjs's own operations and layers can ` +
        `be differentiated twice`,
    );
  }
}

/**
 * Runs `fn` with a tape of its own, so that gradients can be taken inside a gradient function or a
 * kernel. Without it tfjs clears the outer tape and the outer backward pass dies (trap: "Cannot
 * read properties of null (reading 'forEach')"). The outer state comes back also when `fn` throws.
 */
export function withFreshTape<T>(fn: () => T): T {
  const s = state();
  const { activeTape, gradientDepth, kernelDepth } = s;
  s.activeTape = [];
  s.gradientDepth = 0;
  s.kernelDepth = 0;
  try {
    return withWeightTaker(null, fn);
  } catch (error) {
    disposeSaved(s.activeTape);
    throw error;
  } finally {
    settle(s.activeTape);
    s.activeTape = activeTape;
    s.gradientDepth = gradientDepth;
    s.kernelDepth = kernelDepth;
  }
}

/** Frees what the nodes of a tape have saved. */
export function disposeSaved(tape: Tape | null): void {
  for (const node of tape ?? []) {
    for (const tensor of node.saved ?? []) tensor.dispose();
  }
}

/** Tapes on whose forward pass something threw, which may have been caught. */
const doubtful = new Set<Tape>();
let stopWatching: (() => void) | null = null;

function settle(tape: Tape | null): void {
  if (tape) doubtful.delete(tape);
  if (doubtful.size > 0) return;
  stopWatching?.();
  stopWatching = null;
}

/**
 * Frees what the nodes of the active tape have saved. For a gradient that is about to fail: tfjs
 * keeps those tensors outside every tidy and would never free them. In a forward pass the error may
 * yet be caught, by a loss that goes on with what it has; so there it is done when the outermost
 * gradient's forward pass ends, and only if that has failed.
 */
function disposeTape(): void {
  const { activeTape, gradientDepth } = state();
  if (activeTape == null) return;
  if (gradientDepth === 0) {
    disposeSaved(activeTape);
    return;
  }
  doubtful.add(activeTape);
  stopWatching ??= watchForwardEnds((tape, failed) => {
    if (!doubtful.has(tape)) return;
    if (failed) disposeSaved(tape);
    settle(tape);
  });
}

/**
 * Calls `onEnd` at the end of every outermost gradient's forward pass, until the returned function
 * is called. tfjs runs it in a tidy, whose result is nothing when it has thrown, and then ends the
 * tape.
 */
function watchForwardEnds(onEnd: (tape: Tape, failed: boolean) => void): () => void {
  const engine = hidden();
  const own: Partial<HiddenEngine> = engine;
  const [endScope, endTape] = [engine.endScope.bind(engine), engine.endTape.bind(engine)];
  let result: unknown;
  own.endScope = (scopeResult) => {
    result = scopeResult;
    endScope(scopeResult);
  };
  own.endTape = () => {
    endTape();
    const { activeTape, gradientDepth } = state();
    if (gradientDepth === 0 && activeTape) onEnd(activeTape, !(result instanceof tf.Tensor));
  };
  return () => {
    delete own.endScope;
    delete own.endTape;
  };
}

/** Runs `fn`; when it throws and its gradient fails of it, frees what that gradient's tape saved. */
export function disposingTapeOnError<T>(fn: () => T): T {
  try {
    return fn();
  } catch (error) {
    disposeTape();
    throw error;
  }
}

/** What a recorded run read. */
export interface Recording<T> {
  result: T;
  /** Variables that `fn` read. */
  variables: tf.Variable[];
  /** Other tensors made before `fn` that it read. */
  external: tf.Tensor[];
}

/**
 * Runs `fn` and notes which variables and outside tensors its operations read, without keeping any
 * activation: each node's saved tensors are freed as soon as it is recorded.
 */
export function recordReads<T>(fn: () => T): Recording<T> {
  const variables = new Set<tf.Variable>();
  const external = new Set<tf.Tensor>();
  const s = state();
  const firstOwn = nextTensorId();
  const result = withFreshTape(() => {
    s.gradientDepth = 1;
    const tape: Tape = [];
    tape.push = (...nodes) => {
      for (const node of nodes) {
        for (const input of Object.values(node.inputs)) {
          if (input instanceof tf.Variable) variables.add(input);
          else if (input.id < firstOwn) external.add(input);
        }
        for (const tensor of node.saved ?? []) tensor.dispose();
      }
      return 0;
    };
    s.activeTape = tape;
    return fn();
  });
  return { result, variables: [...variables], external: [...external] };
}

/** Runs `fn` and calls `onRead` for every variable that an operation which the tape records reads. */
export function notingReads<T>(fn: () => T, onRead: (variable: tf.Variable) => void): T {
  const tape = state().activeTape;
  if (!isTapeOn() || tape == null) return fn();
  const before = Object.getOwnPropertyDescriptor(tape, 'push');
  const push = tape.push;
  tape.push = (...nodes) => {
    for (const input of nodes.flatMap((node) => Object.values(node.inputs))) {
      if (input instanceof tf.Variable) onRead(input);
    }
    return push.apply(tape, nodes);
  };
  try {
    return fn();
  } finally {
    if (before) Object.defineProperty(tape, 'push', before);
    else delete (tape as { push?: unknown }).push;
  }
}

/**
 * Runs `fn` with tensors alive again that have been freed since their copies were made. Afterwards
 * they are free again.
 *
 * @param copies one live tensor per tensor, of the same values
 */
export function reviving<T>(
  tensors: readonly tf.Tensor[],
  copies: readonly tf.Tensor[],
  fn: () => T,
): T {
  const revived = tensors.filter((tensor, i) => {
    if (!tensor.isDisposed) return false;
    const inside = tensor as unknown as { isDisposedInternal: boolean };
    inside.isDisposedInternal = false;
    tensor.dataId = (copies[i] as tf.Tensor).dataId;
    tf.engine().incRef(tensor, tf.backend());
    return true;
  });
  try {
    return fn();
  } finally {
    tf.dispose(revived);
  }
}

/** Value and gradients of `f` with respect to `xs`, given the gradient of its output. */
export function valueAndGradients(
  f: () => tf.Tensor,
  xs: tf.Tensor[],
  dy: tf.Tensor,
): { value: tf.Tensor; gradients: (tf.Tensor | null)[] } {
  const { value, grads } = withFreshTape(() => tf.engine().gradients(f, xs, dy, true));
  return { value, gradients: grads.map((g) => (g as tf.Tensor | undefined) ?? null) };
}
