/**
 * Run as a process of its own, with --expose-gc and arguments `--measure FILE...`: opens the files and
 * reads all they hold.
 * Prints as JSON what became of each, how long it took on the clock and on the processor, and by how
 * much memory ever rose above that of the idle process.
 */
import * as fs from 'node:fs';

import { CheckpointError } from '../../../src/weights/errors';
import { openCheckpoint } from '../../../src/weights/open_checkpoint';

export interface Measured {
  /** `read`, or the error's code; anything else that is thrown, in full. */
  outcome: string;
  ms: number;
  cpuMs: number;
  /** Highest resident memory so far over that of the idle process, in MB. */
  megabytes: number;
}

async function openAndRead(file: string): Promise<string> {
  try {
    const checkpoint = await openCheckpoint(file);
    try {
      for (const name of checkpoint.entries.keys()) await checkpoint.read(name);
    } finally {
      await checkpoint.close();
    }
    return 'read';
  } catch (error) {
    return error instanceof CheckpointError ? error.code : String(error);
  }
}

/**
 * Highest resident memory of this process, in bytes. Linux's own count begins with the program;
 * `maxRSS` is handed down by the process that started it.
 */
export function peakBytes(): number {
  try {
    const [, kilobytes] =
      /VmHWM:\s+(\d+) kB/.exec(fs.readFileSync('/proc/self/status', 'utf8')) ?? [];
    if (kilobytes !== undefined) return Number(kilobytes) * 1024;
  } catch {
    // Not Linux.
  }
  return process.resourceUsage().maxRSS * 1024;
}

async function main(files: readonly string[]): Promise<void> {
  const results: Measured[] = [];
  globalThis.gc?.();
  const idle = process.memoryUsage().rss;
  for (const file of files) {
    globalThis.gc?.();
    const [start, cpu] = [performance.now(), process.cpuUsage()];
    const outcome = await openAndRead(file);
    const ms = performance.now() - start;
    const { user, system } = process.cpuUsage(cpu);
    const megabytes = (peakBytes() - idle) / 1e6;
    results.push({ outcome, ms, cpuMs: (user + system) / 1000, megabytes });
  }
  process.stdout.write(JSON.stringify(results));
}

if (process.argv[2] === '--measure') void main(process.argv.slice(3));
