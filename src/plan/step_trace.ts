/** Follows the tensors of a training step, and tells at its peak what they are. */
import * as tf from '@tensorflow/tfjs-core';

import { watchBytes } from '../ops/engine/watch_bytes';

/** What makes up the bytes at the peak of a step. */
export interface PeakParts {
  gradients: number;
  anchors: number;
  activations: number;
  workspace: number;
}

interface HiddenEngine {
  trackTensor: (tensor: tf.Tensor, backend?: unknown) => void;
  disposeTensor: (tensor: tf.Tensor) => void;
  runKernel: (name: string, inputs: object, attrs?: object) => tf.Tensor | tf.Tensor[];
}

const bytesOf = (tensor: tf.Tensor) => tensor.size * tf.util.bytesPerElement(tensor.dtype);

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
 * @param step is given a function to call where the forward pass ends
 * @param weights what has gradients
 */
export function partsAtPeak(
  step: (forwardEnds: () => void) => void,
  at: number,
  weights: readonly tf.Tensor[],
): PeakParts {
  const live = new Map<tf.Tensor, 'forward' | 'backward'>();
  let phase: 'forward' | 'backward' = 'forward';
  let [made, anchorBytes] = [0, 0];
  let parts: PeakParts | undefined;
  const undo = onTensors(
    (tensor) => {
      live.set(tensor, phase);
      // The tensor at which the peak is becomes live after this.
      if (++made === at) parts = sorted(live, weights, anchorBytes);
    },
    (tensor) => live.delete(tensor),
  );
  const undoKernels = onAnchors((bytes) => {
    anchorBytes += bytes;
  });
  try {
    step(() => {
      phase = 'backward';
    });
  } finally {
    undo();
    undoKernels();
  }
  return parts ?? { gradients: 0, anchors: 0, activations: 0, workspace: 0 };
}

function sorted(
  live: ReadonlyMap<tf.Tensor, 'forward' | 'backward'>,
  weights: readonly tf.Tensor[],
  anchorBytes: number,
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
    if (phase === 'forward') parts.activations += bytesOf(tensor);
    else if (left > 0) {
      wanted.set(key, left - 1);
      parts.gradients += bytesOf(tensor);
    } else parts.workspace += bytesOf(tensor);
  }
  // What a tape has saved it keeps until the backward pass has ended: all of it, or nothing.
  parts.anchors = anchorBytes <= parts.activations ? anchorBytes : 0;
  parts.activations -= parts.anchors;
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

/** Calls back with the bytes of the anchors that each run of a backbone keeps. */
function onAnchors(onKept: (bytes: number) => void): () => void {
  const engine = tf.engine() as unknown as Partial<HiddenEngine> & HiddenEngine;
  const run = engine.runKernel.bind(engine);
  engine.runKernel = (name, inputs, attrs) => {
    const outputs = run(name, inputs, attrs);
    const anchors = (attrs as { anchors?: unknown } | undefined)?.anchors;
    if (name === 'RevColBackbone' && anchors instanceof Set && Array.isArray(outputs)) {
      const { columns } = attrs as { columns: { levels: unknown[] }[] };
      const features = outputs.slice(0, columns[0]?.levels.length);
      onKept(anchors.size * features.reduce((sum, tensor) => sum + bytesOf(tensor), 0));
    }
    return outputs;
  };
  return () => Reflect.deleteProperty(engine, 'runKernel');
}
