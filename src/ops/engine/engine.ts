/** The one place that touches the insides of tfjs's engine: its tape, its depth counters, its bytes. */
import * as tf from '@tensorflow/tfjs-core';

type EngineState = ReturnType<typeof tf.engine>['state'];

function state(): EngineState {
  return tf.engine().state;
}

/** True while a gradient is being recorded, so that what runs now may be differentiated later. */
export function isTapeOn(): boolean {
  return tf.engine().isTapeOn();
}

/**
 * For the start of every gradient function: the hand-written VJPs are not themselves differentiable.
 * Frees what the tape has saved before it throws.
 *
 * @throws {Error} when an outer gradient records meanwhile, that is, when somebody asks for
 *   second-order gradients
 */
export function assertFirstOrder(opName: string): void {
  if (state().gradientDepth > 0) {
    disposeTape();
    throw new Error(
      `${opName}: second-order gradients are not supported; take first-order gradients, or set ` +
        `backprop 'stored' with layers that tfjs can differentiate twice`,
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
    return fn();
  } catch (error) {
    disposeTape();
    throw error;
  } finally {
    s.activeTape = activeTape;
    s.gradientDepth = gradientDepth;
    s.kernelDepth = kernelDepth;
  }
}

/**
 * Disposes what the nodes of the active tape have saved. For a gradient that is about to fail:
 * tfjs keeps those tensors outside every tidy and would never free them.
 */
export function disposeTape(): void {
  const tape = state().activeTape;
  if (tape == null) return;
  for (const node of tape) {
    for (const tensor of node.saved ?? []) tensor.dispose();
  }
}

/** Runs `fn`; when it throws while a gradient is in progress, frees what that gradient's tape saved. */
export function disposingTapeOnError<T>(fn: () => T): T {
  try {
    return fn();
  } catch (error) {
    disposeTape();
    throw error;
  }
}

/** What a recorded run read and wrote. */
export interface Recording<T> {
  result: T;
  /** Trainable variables that `fn` read. */
  variables: tf.Variable[];
  /** Tensors made before `fn` that it read, its arguments included. */
  external: tf.Tensor[];
}

/**
 * Runs `fn` and notes which variables and outside tensors its differentiable operations read,
 * without keeping any activation: each node's saved tensors are freed as soon as it is recorded.
 */
export function recordReads<T>(fn: () => T): Recording<T> {
  const variables = new Set<tf.Variable>();
  const external = new Map<number, tf.Tensor>();
  const made = new Set<number>();
  const s = state();
  const result = withFreshTape(() => {
    s.gradientDepth = 1;
    const tape: NonNullable<EngineState['activeTape']> = [];
    tape.push = (...nodes) => {
      for (const node of nodes) {
        for (const input of Object.values(node.inputs)) {
          if (input instanceof tf.Variable) variables.add(input);
          else if (!made.has(input.id)) external.set(input.id, input);
        }
        for (const output of node.outputs) made.add(output.id);
        for (const tensor of node.saved ?? []) tensor.dispose();
      }
      return 0;
    };
    s.activeTape = tape;
    return fn();
  });
  return {
    result,
    variables: [...variables].filter((v) => v.trainable),
    external: [...external.values()],
  };
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
 * Runs `fn`, then gives every variable that it assigned to its former value.
 *
 * @param when asked after `fn`: whether to do so. Default: always. When `fn` throws it is done anyway
 */
export function undoingAssignments<T>(fn: () => T, when = () => true): T {
  const { prototype } = tf.Variable;
  const assign = prototype.assign;
  const before = new Map<tf.Variable, tf.Tensor>();
  prototype.assign = function (this: tf.Variable, value) {
    if (!before.has(this)) before.set(this, tf.keep(withFreshTape(() => tf.clone(this))));
    assign.call(this, value);
  };
  let undo = true;
  try {
    const result = fn();
    undo = when();
    return result;
  } finally {
    prototype.assign = assign;
    for (const [variable, value] of before) {
      if (undo && !variable.isDisposed) assign.call(variable, value);
      value.dispose();
    }
  }
}

/**
 * Runs `fn` so that a later run with the same random numbers repeats it. A run that makes variables
 * does not count: their initializers have drawn numbers that no later run will draw, as they do in a
 * layer that builds others in its first call. It is undone and run again.
 *
 * @param discard frees what such a run gave
 */
export function runRepeatably<T>(fn: () => T, discard: (result: T) => void): T {
  const variables = () => Object.keys(tf.engine().registeredVariables).length;
  const before = variables();
  const hasMadeSome = () => variables() > before;
  const result = undoingAssignments(fn, hasMadeSome);
  if (!hasMadeSome()) return result;
  discard(result);
  return fn();
}

/** True when some recorded operation of the current tape has made `tensor`. */
export function isOnTape(tensor: tf.Tensor): boolean {
  return (state().activeTape ?? []).some((node) => node.outputs.some((o) => o.id === tensor.id));
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

/**
 * Calls `onChange(bytes)` whenever the number of bytes in live tensors changes, until the returned
 * function is called. tfjs keeps that number in a plain field, which becomes an accessor meanwhile.
 */
export function watchBytes(onChange: (bytes: number) => void): () => void {
  const s = state();
  let bytes = s.numBytes;
  const watchers = watching.get(s) ?? new Set();
  if (watchers.size === 0) {
    watching.set(s, watchers);
    Object.defineProperty(s, 'numBytes', {
      configurable: true,
      enumerable: true,
      get: () => bytes,
      set: (value: number) => {
        bytes = value;
        for (const watcher of watchers) watcher(value);
      },
    });
  }
  watchers.add(onChange);
  return () => {
    watchers.delete(onChange);
    if (watchers.size === 0) {
      Object.defineProperty(s, 'numBytes', {
        configurable: true,
        enumerable: true,
        writable: true,
        value: s.numBytes,
      });
    }
  };
}

const watching = new WeakMap<EngineState, Set<(bytes: number) => void>>();
