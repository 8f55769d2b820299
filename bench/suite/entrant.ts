/** A contestant as the suite knows it. */
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';

import type { Task } from './messages';
import type { Command } from './worker_process';

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');

/** Who takes part. */
export interface Entrant {
  /** As in tables, for example `reversible on wasm` or `PyTorch, checkpointed`. */
  name: string;
  /** What it needs that is not here, and the command that installs it; null when it is all here. */
  missing: { what: string; install: string } | null;
  task: Omit<Task, 'workload' | 'weights' | 'inputs'>;
  command: (task: Task) => Command;
  /** Whether it computes in a browser, so that memory of the process says nothing of it. */
  inPage?: boolean;
  /** Whether it computes on a graphics device, so that its first run, which compiles, is told apart. */
  onDevice?: boolean;
}
