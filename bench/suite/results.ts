/** What is kept of a measurement: all of it, so that documents can be made from it. */
import * as fs from 'node:fs';
import * as path from 'node:path';

import type { DoctorBackend } from '../../src/doctor/report';
import type { Machine, Source } from './machine';
import type { DeviceCounts } from './messages';
import type { PictureResult } from './picture_results';
import type { Sample } from './statistics';
import type { Workload } from './workload';

/** Raised whenever the meaning of a field changes. */
export const SCHEMA = 1;

/** What one contestant did in one contest. */
export type Outcome =
  | { name: string; state: 'missing'; what: string; install: string }
  | { name: string; state: 'failed'; reason: string }
  | {
      name: string;
      state: 'measured';
      threads: number;
      versions: Record<string, string>;
      parameters: number | null;
      /** How far its outputs and gradients are from the reference's, relative; null: not compared. */
      deviation: number | null;
      /** Resident memory of its process once it is set up, and at most, in bytes. */
      residentAtStart: number | null;
      residentBytes: number | null;
      programs: Record<string, Program>;
    };

/** What a contestant did of one program. */
export interface Program {
  peakBytes: number | null;
  /** Of contestants in a page: what a run takes of the backend, and the time of the very first run. */
  counts?: DeviceCounts;
  firstMs?: number;
  /** Runs of which each sample is the mean. */
  times: number;
  samples: Sample[];
}

/** Contestants on one workload. */
export interface Contest {
  workload: Workload;
  /** Whether they took turns; otherwise each ran alone, for the sake of memory. */
  turns: boolean;
  /** Contestant to which ratios are given; the first that could be measured. */
  reference: string | null;
  /** Load average before and after. */
  load: [number[], number[]];
  outcomes: Outcome[];
}

/** Steps of a start, in ms since the process was asked for; medians are the document's business. */
export interface Start {
  name: string;
  versions: Record<string, string>;
  residentBytes: number | null;
  rounds: { round: number; steps: Record<string, number>; others: number | null }[];
}

/** A file of results. */
export interface ResultFile {
  schema: number;
  command: string;
  date: string;
  machine: Machine;
  source: Source;
  /** False while contests are still to come: one that is cut off stays like that. */
  complete: boolean;
  contests: Contest[];
  /** Of `startup`. */
  starts?: (Start | Exclude<Outcome, { state: 'measured' }>)[];
  /** Of `images`. */
  pictures?: PictureResult[];
  /** Of the portable bundle for graphics cards: what the doctor found, and whether tfjs's split products are right. */
  doctor?: DoctorBackend[];
  splitProducts?: SplitProduct[];
}

/** A product of matrices with a transposed second operand, in tfjs's own kernels. */
export interface SplitProduct {
  rows: number;
  terms: number;
  columns: number;
  /** Relative error; null where it was no number. */
  error: number | null;
  state: 'right' | 'wrong' | 'fails';
}

export function writeResult(file: string, result: ResultFile): void {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  // One line for each sample: numbers, not their layout, are what changes.
  const text = JSON.stringify(result, rounded, 1).replace(
    /\{\s+"round": (\d+),\s+"ms": ([\d.]+),\s+"cpuMs": ([\d.]+),\s+"others": ([\d.]+|null)\s+\}/g,
    '{ "round": $1, "ms": $2, "cpuMs": $3, "others": $4 }',
  );
  // Whole or not at all: a run may be cut off.
  fs.writeFileSync(`${file}.part`, `${text}\n`);
  fs.renameSync(`${file}.part`, file);
}

/** Four digits after the point are finer than any clock here. */
function rounded(_key: string, value: unknown): unknown {
  if (typeof value !== 'number' || Number.isInteger(value) || Math.abs(value) < 1e-3) return value;
  return Number(value.toFixed(4));
}

/**
 * Reads a file of results.
 *
 * @throws {Error} when it was written for another version of the suite
 */
export function readResult(file: string): ResultFile {
  const result = JSON.parse(fs.readFileSync(file, 'utf8')) as ResultFile;
  if (result.schema === SCHEMA) return result;
  throw new Error(`${file} has schema ${result.schema}, expected ${SCHEMA}: measure again`);
}
