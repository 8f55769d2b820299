/** How long a start takes: a fresh process each time, until it has its first result. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

import { PEERS_FOLDER, ROOT } from './contestants';
import { busyMs } from './machine';
import type { Outcome, Start } from './results';
import { type Command, WorkerProcess } from './worker_process';

/** Who can be started: this package, tfjs with its backend alone, PyTorch. */
export const START_NAMES = [
  'tfjs-revcol on wasm',
  'tfjs-revcol on tensorflow',
  'tfjs alone on wasm',
  'tfjs alone on tensorflow',
  'PyTorch',
] as const;
export type StartName = (typeof START_NAMES)[number];

/** What a process tells after each of its steps. */
interface Told {
  step: string;
  versions?: Record<string, string>;
}

type Excuse = Exclude<Outcome, { state: 'measured' }>;

/** Whether the built package is there and no source is newer. */
function isBuilt(): boolean {
  const built = path.join(ROOT, 'dist/index.js');
  if (!fs.existsSync(built)) return false;
  const { mtimeMs } = fs.statSync(built);
  const sources = fs.readdirSync(path.join(ROOT, 'src'), { recursive: true }) as string[];
  return sources.every((file) => fs.statSync(path.join(ROOT, 'src', file)).mtimeMs <= mtimeMs);
}

function missing(name: StartName): Excuse | null {
  if (name.startsWith('tfjs-revcol') && !isBuilt()) {
    return { name, state: 'missing', what: 'a build of this source', install: 'npm run build' };
  }
  const needs = [
    {
      of: /tensorflow/,
      file: '.native/ready',
      what: 'backend tensorflow',
      install: 'npm run native',
    },
    {
      of: /PyTorch/,
      file: path.join(PEERS_FOLDER, 'python/bin/python'),
      what: 'PyTorch',
      install: 'npm run bench:peers -- pytorch',
    },
  ];
  const need = needs.find(
    ({ of, file }) => of.test(name) && !fs.existsSync(path.resolve(ROOT, file)),
  );
  return need ? { name, state: 'missing', what: need.what, install: need.install } : null;
}

function commandOf(name: StartName): Command {
  if (name === 'PyTorch') {
    const python = path.join(PEERS_FOLDER, 'python/bin/python');
    return { file: python, args: [path.join(ROOT, 'bench/peers/torch_start.py')] };
  }
  const [, what, backend] = /^(\S+)(?: alone)? on (\S+)$/.exec(name) as RegExpExecArray;
  return {
    file: process.execPath,
    args: [path.join(ROOT, 'bench/contestants/start.mjs'), what as string, backend as string],
    env: { TF_CPP_MIN_LOG_LEVEL: '2' },
  };
}

/** One start: when each step was done, since the process was asked for. */
async function startOnce(name: StartName, round: number): Promise<Omit<Start, 'name'>> {
  const busyBefore = busyMs();
  const begin = performance.now();
  const worker = new WorkerProcess(commandOf(name));
  try {
    const steps: Record<string, number> = {};
    let told: Told;
    do {
      told = await worker.tell<Told>();
      steps[told.step] = performance.now() - begin;
    } while (!told.versions);
    const ms = performance.now() - begin;
    const own = worker.cpuMs();
    const busyAfter = busyMs();
    const others =
      busyBefore === null || busyAfter === null || own === null
        ? null
        : Math.max(0, (busyAfter - busyBefore - own) / (ms * os.availableParallelism()));
    return {
      versions: told.versions,
      residentBytes: worker.residentBytes(),
      rounds: [{ round, steps, others }],
    };
  } finally {
    await worker.end();
  }
}

/** Starts everyone `rounds` times, in turns. */
export async function timeStarts(
  names: readonly StartName[],
  rounds: number,
  say: (line: string) => void,
): Promise<(Start | Excuse)[]> {
  const results = new Map<StartName, Start | Excuse>();
  for (const name of names) {
    const excuse = missing(name);
    if (excuse) results.set(name, excuse);
  }
  // One round more: the first fills the system's cache of files.
  for (let round = -1; round < rounds; round++) {
    for (const name of names) {
      const known = results.get(name);
      if (known && 'state' in known) continue;
      try {
        const start = await startOnce(name, round);
        if (round < 0) continue;
        if (known) known.rounds.push(...start.rounds);
        else results.set(name, { name, ...start });
      } catch (error) {
        results.set(name, { name, state: 'failed', reason: (error as Error).message });
      }
    }
    say(round < 0 ? 'warm' : `round ${round + 1} of ${rounds}`);
  }
  return names.map((name) => results.get(name) as Start | Excuse);
}
