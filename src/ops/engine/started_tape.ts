/** Tapes of our own: what a forward pass records, to be walked back now or later. */
import * as tf from '@tensorflow/tfjs-core';

import { disposeSaved, hidden, state, type Tape } from './engine';
import { tidyAll } from './tensors';

/** A new tape that records what `forward` runs, to be called once, and what frees all that it has saved. */
interface StartedTape {
  tape: Tape;
  forward: <R>(f: () => R) => R;
  disposeAll: () => void;
}

function startTape(): StartedTape {
  hidden().startTape();
  const tape = state().activeTape;
  // Copies that are being saved by an operation that fails are on no node's list of what it has saved.
  const copies: tf.Tensor[] = [];
  tape.push = (...nodes) => {
    if (state().kernelDepth > 0) copies.push(...nodes.flatMap(({ outputs }) => outputs));
    return Array.prototype.push.apply(tape, nodes);
  };
  return {
    tape,
    forward: (f) => {
      try {
        return tidyAll(f);
      } finally {
        hidden().endTape();
      }
    },
    disposeAll: () => {
      disposeSaved(tape);
      tf.dispose(copies.filter(({ kept }) => kept));
    },
  };
}

function stopTape(): void {
  (state() as { activeTape: Tape | null }).activeTape = null;
}

/**
 * Runs `use` with a new tape, and frees what the tape has saved afterwards.
 *
 * @param use gets the tape and a function that runs another one while the tape records, to be called once
 */
export function startingTape<T>(
  use: (tape: Tape, forward: (f: () => tf.Tensor) => tf.Tensor) => T,
): T {
  const { tape, forward, disposeAll } = startTape();
  try {
    return use(tape, forward);
  } finally {
    disposeAll();
    stopTape();
  }
}

/**
 * Runs `f` while a new tape records, which then is the caller's with all that its nodes have saved: to be
 * walked back later. When `f` throws, that is freed.
 */
export function recorded<R>(f: () => R): { result: R; tape: Tape } {
  const { tape, forward, disposeAll } = startTape();
  try {
    return { result: forward(f), tape };
  } catch (error) {
    disposeAll();
    throw error;
  } finally {
    stopTape();
  }
}
