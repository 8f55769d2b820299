/** What a result depends on besides the code: processor, versions, load. */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';

/** The machine of a result. */
export interface Machine {
  processor: string;
  cores: number;
  memoryBytes: number;
  /** Vector instruction sets that the processor has, as the system names them. */
  instructionSets: string[];
  system: string;
  node: string;
  /** The graphics card, where the contestants computed on one. */
  gpu?: string;
}

/** What state the code was in. */
export interface Source {
  commit: string;
  /** Git's hash of `src`, with changes that are not committed marked. */
  src: string;
}

const VECTOR_SETS = /^(sse4_2|avx|avx2|fma|f16c|avx_vnni|avx512\w+|amx\w*|asimd|sve\w*)$/;

/** Contents of a file of the system, empty where there is none. */
function systemFile(path: string): string {
  try {
    return fs.readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

export function describeMachine(): Machine {
  const flags = /^(?:flags|Features)\s*:\s*(.*)$/m.exec(systemFile('/proc/cpuinfo'))?.[1] ?? '';
  return {
    processor: os.cpus()[0]?.model.trim() ?? 'unknown',
    cores: os.availableParallelism(),
    memoryBytes: os.totalmem(),
    instructionSets: flags.split(/\s+/).filter((flag) => VECTOR_SETS.test(flag)),
    system: `${os.type()} ${os.release()} ${os.arch()}`,
    node: process.version,
  };
}

export function describeSource(root: string): Source {
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: 'pipe' }).trim();
  try {
    const changed = git('status', '--porcelain', '--', 'src') === '' ? '' : ', changed';
    return {
      commit: git('rev-parse', '--short', 'HEAD'),
      src: `${git('rev-parse', '--short=12', 'HEAD:src')}${changed}`,
    };
  } catch {
    return { commit: 'unknown', src: 'unknown' };
  }
}

/** Milliseconds that all processors together have been busy so far; null where unknown. */
export function busyMs(): number | null {
  const line = /^cpu\s+(.*)$/m.exec(systemFile('/proc/stat'))?.[1];
  if (line === undefined) return null;
  // Columns of proc(5): user, nice, system, idle, iowait, irq, softirq, steal; 10 ms each.
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line
    .split(/\s+/)
    .map(Number);
  return 10 * (user + nice + system + irq + softirq + steal);
}

/** A number of bytes that the kernel tells of a process, such as its peak resident memory. */
export function processBytes(pid: number, field: 'VmHWM' | 'VmRSS'): number | null {
  const kilobytes = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(
    systemFile(`/proc/${pid}/status`),
  )?.[1];
  return kilobytes === undefined ? null : 1024 * Number(kilobytes);
}

/** Columns 3 and on of proc(5): what comes after the name, which may hold anything but is in brackets. */
const statColumns = (pid: number | string) =>
  systemFile(`/proc/${pid}/stat`).split(') ').at(-1)?.split(' ') ?? [];

/** Processor time of a process in milliseconds; null where unknown. */
export function processMs(pid: number): number | null {
  const columns = statColumns(pid);
  const [user, system] = [columns[11], columns[12]].map(Number);
  return user === undefined || system === undefined || Number.isNaN(user + system)
    ? null
    : 10 * (user + system);
}

/** Processor time of a process and all that it started and that live, in milliseconds; 0 where unknown. */
export function treeMs(root: number): number {
  if (processMs(root) === null) return 0;
  const children = new Map<number, number[]>();
  for (const name of fs.readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    const parent = Number(statColumns(name)[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const total = (pid: number): number =>
    (children.get(pid) ?? []).reduce((sum, child) => sum + total(child), processMs(pid) ?? 0);
  return total(root);
}
