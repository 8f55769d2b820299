/** Synthetic 1-D signals: noisy waveforms, to be told apart by their shape. */
import * as tf from '@tensorflow/tfjs';

import type { Batch } from './train_classifier';

/** Samples per signal. */
export const SAMPLES = 128;

/** One period of each kind of wave, at `phase` in [0, 1), from -1 to 1. */
export const WAVES = {
  sine: (phase: number) => Math.sin(2 * Math.PI * phase),
  square: (phase: number) => (phase < 0.5 ? 1 : -1),
  triangle: (phase: number) => 4 * Math.abs(phase - 0.5) - 1,
  sawtooth: (phase: number) => 2 * phase - 1,
  pulse: (phase: number) => (phase < 0.15 ? 1 : -1),
  chirp: (phase: number) => Math.sin(2 * Math.PI * (phase + phase * phase)),
} as const;

const KINDS = Object.values(WAVES);

/** Standard deviation of the noise; the waves themselves go from -1 to 1. */
const NOISE = 0.3;

/**
 * Signals of random kind, phase, amplitude and 3 to 8 periods, with noise.
 *
 * @returns inputs `[count, SAMPLES, 1]` and one-hot labels `[count, 6]`, float32
 */
export function signalBatch(count: number, random: () => number): Batch {
  const values = new Float32Array(count * SAMPLES);
  const labels = new Float32Array(count * KINDS.length);
  for (let i = 0; i < count; i++) {
    const kind = Math.floor(random() * KINDS.length);
    const wave = KINDS[kind] as (phase: number) => number;
    const [periods, start, amplitude] = [3 + 5 * random(), random(), 0.5 + random()];
    for (let t = 0; t < SAMPLES; t++) {
      const phase = (start + (periods * t) / SAMPLES) % 1;
      values[i * SAMPLES + t] = amplitude * wave(phase) + NOISE * normal(random);
    }
    labels[i * KINDS.length + kind] = 1;
  }
  return {
    inputs: tf.tensor3d(values, [count, SAMPLES, 1]),
    labels: tf.tensor2d(labels, [count, KINDS.length]),
  };
}

/** A standard normal number (Box and Muller). */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
