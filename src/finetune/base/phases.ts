/** What every plan of a run is made of: phases with their rates, and what examples it is of. */
import type { Schedule } from '../../training/schedule_options';
import { crc32 } from '../../weights/zip/crc32';
import type { TrainedParts } from './defaults';
import type { PeakRate } from './errors';

/** Epochs in which the same parts are trained. */
export interface Phase extends PeakRate {
  readonly name: TrainedParts;
  /** First epoch and the one behind the last, from 0. */
  readonly from: number;
  readonly to: number;
  /** Learning rate of a step within the phase, from 1. */
  readonly rate: Schedule;
}

/** How long what is trained. */
interface Spans {
  readonly train: TrainedParts;
  readonly epochs: number;
  /** The first of them, in which only the head is trained. */
  readonly headEpochs: number;
  /** Steps of an epoch. */
  readonly perEpoch: number;
}

/** The highest rates, and how they change in the steps of a phase. */
interface Rates {
  readonly learningRate: number;
  readonly headRate: number;
  readonly schedule: (peak: number, steps: number) => Schedule;
}

/** The phases of a run: the head alone, where that is wanted, then what is trained. */
export function phasesOf(
  { train, epochs, headEpochs, perEpoch }: Spans,
  { learningRate, headRate, schedule }: Rates,
): Phase[] {
  const main = epochs - headEpochs;
  const phases: Phase[] = [];
  if (headEpochs > 0) {
    const rate = schedule(headRate, headEpochs * perEpoch);
    const peak = { option: 'headLearningRate', peak: headRate } as const;
    phases.push({ name: 'head', from: 0, to: headEpochs, rate, ...peak });
  }
  if (main > 0) {
    const rate = schedule(learningRate, main * perEpoch);
    const peak = { option: 'learningRate', peak: learningRate } as const;
    phases.push({ name: train, from: headEpochs, to: epochs, rate, ...peak });
  }
  return phases;
}

/** Tells other examples from these: by a line for each, as reading them all takes long. */
export function checksumOf(lines: readonly string[]): number {
  return crc32(new TextEncoder().encode(lines.map((line) => `${line}\n`).join('')));
}
