/** Memory and time of a training step of the digits network against its number of columns. */
import * as tf from '@tensorflow/tfjs';

import { AdamW, memoryPeak } from 'tfjs-revcol/training';
import { table } from '../shared/table';
import { centredBatch, type Digit } from './data';
import { digitsModel, loss } from './model';

/** Backward passes that are compared. */
export const MODES = ['stored', 'reversible'] as const;
export type Mode = (typeof MODES)[number];

/** What one training step took. */
export interface Measurement {
  columns: number;
  mode: Mode;
  /** Most bytes in tensors at any moment: weights, gradients, optimizer and batch included. */
  peakBytes: number;
  /** Of the fastest step: whatever else the machine does only adds. */
  seconds: number;
}

/**
 * Measures training steps on a batch of `digits`, after a first one that is not timed.
 *
 * @param steps how many are timed
 */
export async function measureStep(
  columns: number,
  mode: Mode,
  digits: readonly Digit[],
  steps: number,
): Promise<Measurement> {
  const model = digitsModel({ columns, backprop: mode });
  const optimizer = new AdamW();
  model.compile({ optimizer, loss });
  const { images, labels } = centredBatch(digits);
  const seconds: number[] = [];
  const { peakBytes } = await memoryPeak(async () => {
    for (let step = 0; step <= steps; step++) {
      const start = performance.now();
      await model.trainOnBatch(images, labels);
      seconds.push((performance.now() - start) / 1000);
    }
  });
  tf.dispose([images, labels]);
  optimizer.dispose();
  model.dispose();
  return { columns, mode, peakBytes, seconds: Math.min(...seconds.slice(1)) };
}

/** The measurements of one mode, by number of columns. */
export function ofMode(measurements: readonly Measurement[], mode: Mode): Measurement[] {
  return measurements
    .filter((measurement) => measurement.mode === mode)
    .sort((a, b) => a.columns - b.columns);
}

/** Bytes in MB of 1 000 000. */
export function megabytes(bytes: number): number {
  return bytes / 1e6;
}

/** The measurements as a Markdown table, a row per number of columns. */
export function memoryTable(measurements: readonly Measurement[]): string {
  const stored = ofMode(measurements, 'stored');
  const reversible = ofMode(measurements, 'reversible');
  const rows = stored.map((s, i) => {
    const r = reversible[i];
    if (r?.columns !== s.columns) throw new Error(`${s.columns} columns: one mode is missing`);
    return [
      String(s.columns),
      megabytes(s.peakBytes).toFixed(1),
      megabytes(r.peakBytes).toFixed(1),
      `${(s.peakBytes / r.peakBytes).toFixed(1)}x`,
      s.seconds.toFixed(3),
      r.seconds.toFixed(3),
    ];
  });
  return table(
    ['columns', 'stored, MB', 'reversible, MB', 'less', 'stored, s/step', 'reversible, s/step'],
    rows,
  );
}
