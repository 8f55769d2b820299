/**
 * A contest: every contestant is a process of its own and waits for its turn. First each computes the
 * same outputs and gradients, one after the other; then they are started afresh, warm up, and take
 * turns, so that whatever else the machine does hits all alike.
 */
import { execFile } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';

import { type Deviation, deviation, TOLERANCE } from './compare';
import { type Entrant, ROOT } from './entrant';
import { busyMs } from './machine';
import type { Counted, Ready, Task, Timed } from './messages';
import type { Contest, Outcome } from './results';
import type { Sample } from './statistics';
import { type Command, WorkerProcess } from './worker_process';
import { isOperations, type Workload } from './workload';

/** How to run a contest. */
export interface ContestOptions {
  rounds: number;
  warmUps: number;
  /** Whether outputs are compared first. */
  check: boolean;
  /** False: each contestant runs alone, so that all of the memory is its own. */
  turns: boolean;
  /** Told what happens. */
  say: (line: string) => void;
  /** Writes weights and inputs; given what is wanted as JSON. Default: the script of this repository. */
  makeInputs?: (wanted: string) => Command;
}

const makeInputsHere = (wanted: string): Command => ({
  file: process.execPath,
  args: ['--import', 'tsx', path.join(ROOT, 'bench/contestants/make_inputs.ts'), wanted],
});

/** Largest batch on which outputs are compared: the check takes memory as well. */
const CHECK_BATCH = 2;

/** Shorter runs are repeated until a sample takes so long: clocks of processors tick every 10 ms. */
const SAMPLE_MS = 100;
const MOST_TIMES = 200;

/** Threads that spin after a run come to rest meanwhile. */
const REST_MS = 100;

type Measured = Extract<Outcome, { state: 'measured' }>;

/** A contestant under way. */
interface Running {
  entrant: Entrant;
  worker: WorkerProcess;
  outcome: Measured;
}

/** Files of weights and inputs, and of what each contestant made of them. */
interface Files {
  weights: string | null;
  inputs: string | null;
}

async function makeFiles(
  workload: Workload,
  folder: string,
  prefix: string,
  { makeInputs = makeInputsHere }: ContestOptions,
): Promise<Files> {
  const inputs = path.join(folder, `${prefix}inputs.safetensors`);
  const weights = path.join(folder, `${prefix}weights.safetensors`);
  const { file, args } = makeInputs(JSON.stringify({ workload, weights, inputs }));
  await promisify(execFile)(file, args);
  return { inputs, weights: isOperations(workload) ? null : weights };
}

const taskOf = (entrant: Entrant, workload: Workload, files: Files): Task => ({
  ...entrant.task,
  workload,
  ...files,
});

/** Has every contestant compute the same, one after the other. */
async function checkAll(
  field: readonly Entrant[],
  workload: Workload,
  folder: string,
  options: ContestOptions,
  fail: (entrant: Entrant, reason: string) => void,
): Promise<Map<Entrant, number>> {
  const small = { ...workload, batch: Math.min(CHECK_BATCH, workload.batch) };
  const files = await makeFiles(small, folder, 'check-', options);
  const trains = !isOperations(workload) && workload.pass === 'step';
  const deviations = new Map<Entrant, number>();
  let reference: string | null = null;
  for (const [i, entrant] of field.entries()) {
    const file = path.join(folder, `check-${i}.safetensors`);
    const worker = new WorkerProcess(entrant.command(taskOf(entrant, small, files)));
    try {
      await worker.ready();
      await worker.ask({ do: 'check', file });
      const off: Deviation = reference
        ? await deviation(file, reference, trains ? files.weights : null)
        : { outputs: 0, gradients: 0 };
      const wrong = (['outputs', 'gradients'] as const).find((kind) => off[kind] > TOLERANCE[kind]);
      if (wrong) {
        fail(entrant, `its ${wrong} are off by ${off[wrong].toExponential(1)}`);
        continue;
      }
      deviations.set(entrant, Math.max(off.outputs, off.gradients));
      reference ??= file;
    } catch (error) {
      fail(entrant, (error as Error).message);
    } finally {
      await worker.end();
    }
  }
  return deviations;
}

async function start(
  entrant: Entrant,
  task: Task,
  compared: number | null,
  warmUps: number,
): Promise<Running> {
  const worker = new WorkerProcess(entrant.command(task));
  try {
    const ready: Ready = await worker.ready();
    const outcome: Measured = {
      name: entrant.name,
      state: 'measured',
      threads: entrant.task.threads,
      versions: ready.versions,
      parameters: ready.parameters,
      deviation: compared,
      residentAtStart: entrant.inPage ? null : worker.residentBytes(),
      residentBytes: null,
      programs: {},
    };
    for (const program of ready.programs) {
      let times = 1;
      let firstMs: number | undefined;
      for (let i = 0; i < warmUps; i++) {
        const { ms } = await worker.ask<Timed>({ do: 'run', program, times: 1 });
        times = Math.max(1, Math.min(MOST_TIMES, Math.round(SAMPLE_MS / ms)));
        firstMs ??= ms;
      }
      const counted = await worker.ask<Counted>({ do: 'count', program });
      const tells = entrant.inPage || entrant.onDevice;
      const first = tells && firstMs !== undefined ? { firstMs } : {};
      outcome.programs[program] = { ...counted, ...first, times, samples: [] };
    }
    return { entrant, worker, outcome };
  } catch (error) {
    await worker.end();
    throw error;
  }
}

/** Share of the machine that others used while a contestant took its time. */
function othersDuring(before: number | null, { ms, cpuMs }: Timed, times: number): number | null {
  const after = busyMs();
  if (before === null || after === null) return null;
  const others = after - before - times * cpuMs;
  return Math.max(0, Math.min(1, others / (times * ms * os.availableParallelism())));
}

/** One run of every program of a contestant. */
async function takeTurn({ worker, outcome }: Running, round: number): Promise<void> {
  for (const [program, { samples, times }] of Object.entries(outcome.programs)) {
    await pause(REST_MS);
    const before = busyMs();
    const timed = await worker.ask<Timed>({ do: 'run', program, times });
    const others = othersDuring(before, timed, times);
    const sample: Sample = { round, ...timed, others };
    samples.push(sample);
  }
}

/** Holds a contest. Contestants that fail are named with the reason; the others go on. */
export async function holdContest(
  field: readonly Entrant[],
  workload: Workload,
  options: ContestOptions,
): Promise<Contest> {
  const { rounds, warmUps, check, turns, say } = options;
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'revcol-bench-'));
  const outcomes = new Map<Entrant, Outcome>();
  const fail = (entrant: Entrant, reason: string) => {
    outcomes.set(entrant, { name: entrant.name, state: 'failed', reason });
    say(`${entrant.name}: ${reason}`);
  };
  const guarded = async (entrant: Entrant, run: () => Promise<void>) => {
    try {
      await run();
    } catch (error) {
      fail(entrant, (error as Error).message);
    }
  };
  const loadBefore = os.loadavg();
  try {
    for (const entrant of field) {
      if (!entrant.missing) continue;
      outcomes.set(entrant, { name: entrant.name, state: 'missing', ...entrant.missing });
      say(`${entrant.name}: ${entrant.missing.what} is missing; run ${entrant.missing.install}`);
    }
    const present = field.filter((entrant) => !entrant.missing);
    const compared = check
      ? await checkAll(present, workload, folder, options, fail)
      : new Map<Entrant, number>();
    const files =
      check || isOperations(workload)
        ? await makeFiles(workload, folder, '', options)
        : { weights: null, inputs: null };
    const healthy = present.filter((entrant) => !outcomes.has(entrant));
    const groups = turns ? [healthy] : healthy.map((entrant) => [entrant]);
    for (const group of groups) {
      const running: Running[] = [];
      for (const entrant of group) {
        await guarded(entrant, async () => {
          const deviationOf = compared.get(entrant) ?? null;
          const task = taskOf(entrant, workload, files);
          running.push(await start(entrant, task, deviationOf, warmUps));
          say(`${entrant.name} is ready`);
        });
      }
      for (let round = 0; round < rounds; round++) {
        // Whoever comes first in a round finds the caches of another each time.
        const order = running.map((_, i) => running[(i + round) % running.length] as Running);
        for (const contestant of order) {
          if (outcomes.has(contestant.entrant)) continue;
          await guarded(contestant.entrant, () => takeTurn(contestant, round));
        }
      }
      for (const { entrant, worker, outcome } of running) {
        outcome.residentBytes = entrant.inPage ? null : worker.residentBytes();
        await worker.end();
        if (!outcomes.has(entrant)) outcomes.set(entrant, outcome);
      }
    }
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
  const all = field.map((entrant) => outcomes.get(entrant) as Outcome);
  const reference = all.find(({ state }) => state === 'measured')?.name ?? null;
  return { workload, turns, reference, load: [loadBefore, os.loadavg()], outcomes: all };
}
