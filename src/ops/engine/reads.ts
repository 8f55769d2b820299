/** Which variables kernels read, and where: what an update in the middle of a gradient must know. */
import * as tf from '@tensorflow/tfjs-core';

/** Runs `fn` and calls `onRead` before each kernel in it, whichever calls it, for each variable it is given. */
export function watchingReads<T>(onRead: (variable: tf.Variable) => void, fn: () => T): T {
  const engine = tf.engine();
  const before = Object.getOwnPropertyDescriptor(engine, 'runKernel');
  const run = engine.runKernel.bind(engine);
  engine.runKernel = ((...call: Parameters<typeof run>) => {
    const [name, inputs] = call;
    if (!passing.has(name)) {
      for (const input of Object.values(inputs)) if (input instanceof tf.Variable) onRead(input);
    }
    return run(...call);
  }) as typeof engine.runKernel;
  try {
    return fn();
  } finally {
    if (before) Object.defineProperty(engine, 'runKernel', before);
    else delete (engine as Partial<typeof engine>).runKernel;
  }
}

/** Kernels that read no variable that they are given, but run others that do. */
const passing = new Set<string>();

/** Says of a kernel that it only passes variables on to the kernels that it runs. */
export function passesVariablesOn(kernelName: string): void {
  passing.add(kernelName);
}

type Tape = NonNullable<ReturnType<typeof tf.engine>['state']['activeTape']>;

/** Where in the forward pass variables were read, by nodes of a tape and places within a node. */
export class ReadNotes {
  /** By variable and index of the node: the place, or null for several places or none in particular. */
  private readonly sites = new Map<tf.Variable, Map<number, string | null>>();
  /** The same of what has been read since the last node was recorded: it belongs to the next one. */
  private recent = new Map<tf.Variable, string | null>();

  constructor(private readonly tape: Tape) {}

  /** Runs `fn`, which records on the tape, and notes what it reads. */
  noting<T>(fn: () => T): T {
    const { tape } = this;
    const outer = current;
    const scope: Noting = { tape, place: null, off: false };
    const before = Object.getOwnPropertyDescriptor(tape, 'push');
    const push = tape.push.bind(tape);
    tape.push = (...nodes) => {
      // What a node saves is copied while it runs, and each copy is a node, too.
      if (tf.engine().state.kernelDepth === 0) this.settle(tape.length);
      return push(...nodes);
    };
    current = scope;
    try {
      return watchingReads((variable) => {
        if (!scope.off) this.note(variable, scope.place);
      }, fn);
    } finally {
      current = outer;
      if (before) Object.defineProperty(tape, 'push', before);
      else delete (tape as { push?: unknown }).push;
    }
  }

  private note(variable: tf.Variable, place: string | null): void {
    const { recent } = this;
    recent.set(variable, recent.has(variable) && recent.get(variable) !== place ? null : place);
  }

  private settle(node: number): void {
    for (const [variable, place] of this.recent) {
      const sites = this.sites.get(variable) ?? new Map<number, string | null>();
      this.sites.set(variable, sites.set(node, place));
    }
    this.recent = new Map();
  }

  /** Index of the first of these nodes that read a variable, which the way back reaches last. */
  firstReader(variable: tf.Variable, among: ReadonlySet<number>): number | undefined {
    const nodes = [...(this.sites.get(variable)?.keys() ?? [])].filter((node) => among.has(node));
    return nodes.length > 0 ? Math.min(...nodes) : undefined;
  }

  /** Whether a node reads a variable at this place and at no other of its places. */
  isReadOnlyAt(variable: tf.Variable, node: number, place: string): boolean {
    return this.sites.get(variable)?.get(node) === place;
  }
}

interface Noting {
  tape: Tape;
  place: string | null;
  off: boolean;
}

let current: Noting | null = null;

/**
 * Runs a part of what a node of the tape stands for, which the way back will run again by itself.
 * What a part of a part reads counts for the outer one.
 *
 * @param place tells the parts of the node apart
 */
export function atPlace<T>(place: string, fn: () => T): T {
  const noting = current;
  if (!noting || noting.place !== null || tf.engine().state.activeTape !== noting.tape) return fn();
  noting.place = place;
  try {
    return fn();
  } finally {
    noting.place = null;
  }
}

/** Runs what will not run again on the way back. */
export function withoutNotes<T>(fn: () => T): T {
  const noting = current;
  if (!noting || noting.off) return fn();
  noting.off = true;
  try {
    return fn();
  } finally {
    noting.off = false;
  }
}
