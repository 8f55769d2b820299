/** A contestant's side in JavaScript: waits for its turn, runs, tells. */
import * as readline from 'node:readline';

import { type Counted, MARK, type Ready, type Request, type Task, type Timed } from './messages';

/** What a contestant can do. */
export interface Contestant {
  versions: Record<string, string>;
  parameters: number | null;
  /** What is timed, by name. A run ends when its result is there. */
  programs: Record<string, () => void | Promise<void>>;
  /** Most bytes in tensors while `run` runs; absent where the library does not tell. */
  countBytes?: (run: () => void | Promise<void>) => Promise<number>;
  /** In place of running and counting here: what computes is elsewhere, and so is its clock. */
  time?: (program: string, times: number) => Promise<Timed>;
  count?: (program: string) => Promise<Counted>;
  /** Called at the end. */
  end?: () => Promise<void>;
  /** Writes outputs to a safetensors file. */
  check: (file: string) => Promise<void>;
}

function say(message: object): void {
  process.stdout.write(`${MARK}${JSON.stringify(message)}\n`);
}

/** Mean wall-clock and processor time of some runs. */
async function timed(run: () => void | Promise<void>, times: number): Promise<Timed> {
  const cpu = process.cpuUsage();
  const start = performance.now();
  for (let i = 0; i < times; i++) await run();
  const ms = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  return { ms: ms / times, cpuMs: (user + system) / 1000 / times };
}

async function answer(contestant: Contestant, request: Request): Promise<object> {
  if (request.do === 'check') {
    await contestant.check(request.file);
    return {};
  }
  const run = contestant.programs[request.program];
  if (!run) throw new Error(`this contestant has no program ${request.program}`);
  if (request.do === 'run') {
    return (await contestant.time?.(request.program, request.times)) ?? timed(run, request.times);
  }
  const counted: Counted = (await contestant.count?.(request.program)) ?? {
    peakBytes: (await contestant.countBytes?.(run)) ?? null,
  };
  return counted;
}

/** Sets up the contestant that the command line asks for, and serves until its input ends. */
export async function serve(start: (task: Task) => Promise<Contestant>): Promise<void> {
  try {
    const contestant = await start(JSON.parse(process.argv[2] as string) as Task);
    const { versions, parameters, programs } = contestant;
    const ready: Ready = { versions, parameters, programs: Object.keys(programs) };
    say(ready);
    for await (const line of readline.createInterface({ input: process.stdin })) {
      say(await answer(contestant, JSON.parse(line) as Request));
    }
    await contestant.end?.();
    process.exit(0);
  } catch (error) {
    say({ error: (error as Error).message });
    process.exit(1);
  }
}
