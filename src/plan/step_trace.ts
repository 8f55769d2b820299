/** Follows the tensors of a training step, and tells at its peak what they are. */
import * as tf from '@tensorflow/tfjs-core';

import { watchBytes } from '../ops/engine/watch_bytes';
import { isWritingForGood } from '../ops/engine/writes';
import { BACKBONE_KERNEL, type Plan, savedAnchors } from '../ops/reversible/backbone';

/** What makes up the bytes at the peak of a step. */
export interface PeakParts {
  gradients: number;
  anchors: number;
  activations: number;
  workspace: number;
}

/** What a step calls in its course. */
export interface StepMarks {
  forwardEnds: () => void;
  /** Called where all gradients are there; never, where weights are updated in the backward pass. */
  backwardEnds: () => void;
}

/** When a tensor was made. */
type Phase = 'forward' | 'backward' | 'update';

interface HiddenEngine {
  state: { activeTape: { saved?: tf.Tensor[] }[] | null };
  trackTensor: (tensor: tf.Tensor, backend?: unknown) => void;
  disposeTensor: (tensor: tf.Tensor) => void;
  runKernel: (name: string, inputs: object, attrs?: object) => tf.Tensor | tf.Tensor[];
}

/** What a tensor takes. */
export const bytesOf = (tensor: tf.Tensor) => tensor.size * tf.util.bytesPerElement(tensor.dtype);

/** Runs `step` and gives the largest number of bytes in live tensors, and at which tensor made it was. */
export function findPeak(step: () => void): { peakBytes: number; at: number } {
  let [made, at, peakBytes] = [0, 0, tf.memory().numBytes];
  const undo = onTensors(
    () => made++,
    () => undefined,
  );
  const stop = watchBytes((bytes) => {
    if (bytes <= peakBytes) return;
    peakBytes = bytes;
    at = made;
  });
  try {
    step();
  } finally {
    stop();
    undo();
  }
  return { peakBytes, at };
}

/**
 * Runs a step as `findPeak` did and sorts the tensors that live at its peak and did not before.
 *
 * @param step is given what to call in its course
 * @param weights what has gradients
 */
export function partsAtPeak(
  step: (marks: StepMarks) => void,
  at: number,
  weights: readonly tf.Tensor[],
): PeakParts {
  const live = new Map<tf.Tensor, Phase>();
  const anchors = new Set<tf.Tensor>();
  let phase: Phase = 'forward';
  let made = 0;
  let parts: PeakParts | undefined;
  const undo = onTensors(
    (tensor) => {
      // Variables were there before; what they are assigned takes the place of what they held.
      if (!(tensor instanceof tf.Variable)) live.set(tensor, isWritingForGood() ? 'update' : phase);
      // The tensor at which the peak is becomes live after this.
      if (++made === at) parts = sorted(live, weights, anchors);
    },
    (tensor) => live.delete(tensor),
  );
  const undoKernels = onAnchors((tensors) => tensors.forEach((tensor) => anchors.add(tensor)));
  try {
    step({
      forwardEnds: () => {
        phase = 'backward';
      },
      backwardEnds: () => {
        phase = 'update';
      },
    });
  } finally {
    undo();
    undoKernels();
  }
  return parts ?? { gradients: 0, anchors: 0, activations: 0, workspace: 0 };
}

function sorted(
  live: ReadonlyMap<tf.Tensor, Phase>,
  weights: readonly tf.Tensor[],
  anchors: ReadonlySet<tf.Tensor>,
): PeakParts {
  const wanted = new Map<string, number>();
  for (const { shape } of weights) {
    const key = shape.join();
    wanted.set(key, (wanted.get(key) ?? 0) + 1);
  }
  const parts = { gradients: 0, anchors: 0, activations: 0, workspace: 0 };
  for (const [tensor, phase] of live) {
    const key = tensor.shape.join();
    const left = wanted.get(key) ?? 0;
    if (anchors.has(tensor)) parts.anchors += bytesOf(tensor);
    else if (phase === 'forward') parts.activations += bytesOf(tensor);
    else if (phase === 'backward' && left > 0) {
      wanted.set(key, left - 1);
      parts.gradients += bytesOf(tensor);
    } else parts.workspace += bytesOf(tensor);
  }
  return parts;
}

/** Calls back for every tensor that is made, and for every one that is freed. */
function onTensors(
  onMade: (tensor: tf.Tensor) => void,
  onFreed: (tensor: tf.Tensor) => void,
): () => void {
  const engine = tf.engine() as unknown as Partial<HiddenEngine> & HiddenEngine;
  const [track, dispose] = [engine.trackTensor.bind(engine), engine.disposeTensor.bind(engine)];
  engine.trackTensor = (tensor, backend) => {
    onMade(tensor);
    track(tensor, backend);
  };
  engine.disposeTensor = (tensor) => {
    onFreed(tensor);
    dispose(tensor);
  };
  return () => {
    Reflect.deleteProperty(engine, 'trackTensor');
    Reflect.deleteProperty(engine, 'disposeTensor');
  };
}

/** Calls back with the tape's copies of the anchors that each run of a backbone keeps. */
function onAnchors(onKept: (anchors: readonly tf.Tensor[]) => void): () => void {
  const engine = tf.engine() as unknown as Partial<HiddenEngine> & HiddenEngine;
  const run = engine.runKernel.bind(engine);
  engine.runKernel = (name, inputs, attrs) => {
    const outputs = run(name, inputs, attrs);
    if (name === BACKBONE_KERNEL && attrs) {
      // No tape, no anchors.
      const saved = engine.state.activeTape?.at(-1)?.saved ?? [];
      onKept([...savedAnchors(attrs as Plan, saved).values()].flat());
    }
    return outputs;
  };
  return () => Reflect.deleteProperty(engine, 'runKernel');
}
