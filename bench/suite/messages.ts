/** What the suite and a contestant's process say to each other: a line of JSON each, on its stdio. */
import type { Workload } from './workload';

/** What a contestant is started with. */
export interface Task {
  /** The variant of the program to run, for example `reversible`. */
  variant: string;
  backend: string | null;
  workload: Workload;
  /** Threads it may use. */
  threads: number;
  /** Weights and inputs, safetensors; null: weights as initialised, random inputs. */
  weights: string | null;
  inputs: string | null;
}

export type Request =
  /** Runs `times` times; the answer is the mean. */
  | { do: 'run'; program: string; times: number }
  /** Runs once more, counting bytes of tensors. */
  | { do: 'count'; program: string }
  /** Writes outputs, and what a step made of the weights, into a file. */
  | { do: 'check'; file: string };

/** What a contestant tells once it is ready. */
export interface Ready {
  versions: Record<string, string>;
  programs: string[];
  parameters: number | null;
}

/** Wall-clock and processor time of one run, the mean over those of a request. */
export interface Timed {
  ms: number;
  cpuMs: number;
}

export interface Counted {
  /** Most bytes in live tensors; null where the library does not tell. */
  peakBytes: number | null;
  /** Of contestants in a page. */
  counts?: DeviceCounts;
}

/** What one run takes of a backend of tfjs. */
export interface DeviceCounts {
  /** Calls of kernels, those that kernels call through the engine included. */
  kernels: number;
  /** Null on backends without a graphics device. */
  device: {
    /** Programs run. */
    programs: number;
    /** Different programs compiled since the page was opened. */
    compiled: number;
    /** Most bytes in use on the device, and bytes held there afterwards, the pool included. */
    peakBytes: number;
    heldBytes: number;
  } | null;
}

/** Lines that a contestant writes begin with this; whatever else it prints is not for the suite. */
export const MARK = '@bench ';
