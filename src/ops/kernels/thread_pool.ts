/** Threads that share the work of the package's WebAssembly kernels with whoever calls them. */
import { SCORES_AT_A_TIME, type SimdKernels } from './simd_module';
import {
  ARGUMENTS_AT,
  CONTROL_BYTES,
  MAX_ARGUMENTS,
  MAX_PARTS,
  MAX_THREADS,
  STATE,
  WORD,
} from './thread_layout';
import type { StartThread, Thread } from './thread_worker';

/** Names of kernels. */
export type KernelName = {
  [K in keyof SimdKernels]: SimdKernels[K] extends (...args: number[]) => void ? K : never;
}[keyof SimdKernels];

/** What a pool works with. */
export interface PoolParts {
  /** The caller's own instance of the module. */
  kernels: SimdKernels;
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
  /** Gives and takes back memory of the heap. */
  allocate(bytes: number): number;
  free(address: number): void;
  start: StartThread;
}

/** How a pool waits. */
export interface PoolPatience {
  /** Turns for which a thread looks for work before it sleeps. */
  spins?: number;
  /** Milliseconds of sleep after which a thread ends; the next piece of work starts it again. */
  idle?: number;
  /** Milliseconds after which a thread that does not finish its part is taken for lost. */
  limit?: number;
}

/** About a quarter of a millisecond: longer costs more than it gains where others use the processor. */
const SPINS = 20000;
const IDLE_MILLISECONDS = 5000;
const LIMIT_MILLISECONDS = 60000;
/** How long the caller sleeps at a time. */
const SLICE_MILLISECONDS = 100;
/** Starts that may fail before nothing is started any more. */
const MAX_FAILED_STARTS = 3;
const ALIGNMENT = 64;
/** Bytes of scores, twice, behind what products need. */
const SCORE_BYTES = 2 * SCORES_AT_A_TIME * Float32Array.BYTES_PER_ELEMENT;

/**
 * Work is cut into parts, and whoever is free takes the next one: the caller, who waits for nobody but
 * threads that have begun, and threads that start with the first piece of work, sleep between pieces and end by
 * themselves. Without a single thread that runs the caller does everything.
 */
export class ThreadPool {
  private readonly words: Int32Array;
  private readonly values: Float64Array;
  private readonly control = new SharedArrayBuffer(CONTROL_BYTES);
  private readonly running: (Thread | undefined)[] = [];
  private readonly scratches: number[] = [];
  private readonly table = new Map<KernelName, number>();
  private readonly maySleep: boolean;
  private failedStarts = 0;
  private broken = false;
  /** Parts that threads other than the caller's have computed. */
  taken = 0;

  /** @param threads the caller's included, from 2 to `MAX_THREADS` */
  constructor(
    readonly threads: number,
    private readonly parts: PoolParts,
    private readonly patience: PoolPatience = {},
  ) {
    if (threads > MAX_THREADS) throw new Error(`a pool has at most ${MAX_THREADS} threads`);
    this.words = new Int32Array(this.control, 0, ARGUMENTS_AT / 4);
    this.values = new Float64Array(this.control, ARGUMENTS_AT, MAX_PARTS * MAX_ARGUMENTS);
    for (let i = 0; i < threads - 1; i++) this.words[WORD.STATES + i] = STATE.GONE;
    Object.keys(parts.kernels).forEach((name, i) => this.table.set(name as KernelName, i));
    this.maySleep = maySleep(this.words);
  }

  /**
   * Runs a kernel once for each list of arguments, in any order, by several threads.
   *
   * @param scratchArgument index of the argument that is scratch memory, of as many bytes as products or
   *   `SCORES_AT_A_TIME` need, which each thread replaces by its own
   * @throws what the kernel throws in this thread, and Error when another failed or was lost; nothing is
   *   shared with threads afterwards
   */
  run(kernel: KernelName, parts: readonly (readonly number[])[], scratchArgument = -1): void {
    const own = this.parts.kernels[kernel] as (...args: readonly number[]) => void;
    if (parts.length < 2 || !this.isReady()) {
      for (const part of parts) own(...part);
      return;
    }
    const { words } = this;
    this.write(kernel, parts, scratchArgument);
    Atomics.store(words, WORD.LEFT, parts.length);
    Atomics.add(words, WORD.EPOCH, 1);
    Atomics.notify(words, WORD.EPOCH);
    let mine = 0;
    try {
      for (;;) {
        const part = Atomics.sub(words, WORD.LEFT, 1) - 1;
        if (part < 0) break;
        mine++;
        own(...(parts[part] as readonly number[]));
      }
    } finally {
      // Nobody takes what is left of a piece in which this thread failed.
      const left = Math.max(0, Atomics.exchange(words, WORD.LEFT, 0));
      const taken = parts.length - mine - left;
      this.join(kernel, taken);
      this.taken += taken;
    }
    if (parts.some((_, i) => words[WORD.FAILED + i] !== 0)) this.give(kernel, 'failed');
  }

  /** Ends the threads. What runs afterwards is run by the caller. */
  close(): void {
    if (this.broken) return;
    this.broken = true;
    Atomics.store(this.words, WORD.STOP, 1);
    Atomics.add(this.words, WORD.EPOCH, 1);
    Atomics.notify(this.words, WORD.EPOCH);
    this.scratches.splice(0).forEach((address) => this.parts.free(address));
  }

  private write(
    kernel: KernelName,
    parts: readonly (readonly number[])[],
    scratchArgument: number,
  ): void {
    const { words, values } = this;
    words[WORD.KERNEL] = this.table.get(kernel) as number;
    words[WORD.SCRATCH_ARGUMENT] = scratchArgument;
    words[WORD.DONE] = 0;
    parts.forEach((part, i) => {
      words[WORD.FAILED + i] = 0;
      part.forEach((value, j) => {
        values[i * MAX_ARGUMENTS + j] = value;
      });
    });
  }

  /** Waits for parts that threads have taken. */
  private join(kernel: KernelName, taken: number): void {
    const { words } = this;
    const spins = this.patience.spins ?? SPINS;
    const limit = this.patience.limit ?? LIMIT_MILLISECONDS;
    let waited = 0;
    let before = 0;
    for (let turns = 0; ; turns++) {
      const done = Atomics.load(words, WORD.DONE);
      if (done >= taken) return;
      if (turns < spins) continue;
      const now = performance.now();
      // A computer that was asleep has not waited.
      if (before > 0) waited += Math.min(now - before, 2 * SLICE_MILLISECONDS);
      before = now;
      if (waited > limit) this.give(kernel, `did not finish within ${limit} ms`);
      if (this.maySleep) Atomics.wait(words, WORD.DONE, done, SLICE_MILLISECONDS);
    }
  }

  /** Does without threads from now on. Their scratch memory stays, in case one of them still writes. */
  private give(kernel: KernelName, what: string): never {
    this.broken = true;
    Atomics.store(this.words, WORD.STOP, 1);
    this.running.forEach((thread) => thread?.end());
    throw new Error(
      `wasm: a thread ${what} in kernel ${kernel}; from now on its kernels run on one thread`,
    );
  }

  /** Whether any thread is there; starts those that are not. */
  private isReady(): boolean {
    if (this.broken) return false;
    let ready = false;
    for (let i = 0; i < this.threads - 1; i++) {
      const state = Atomics.load(this.words, WORD.STATES + i);
      if (state === STATE.READY) ready = true;
      else if (state === STATE.GONE && this.failedStarts < MAX_FAILED_STARTS) this.start(i);
    }
    return ready;
  }

  private start(index: number): void {
    const { module, memory, kernels, start } = this.parts;
    const scratch = this.scratchOf(index, kernels.BLOCK_SCRATCH.value + SCORE_BYTES);
    if (scratch === 0) return;
    Atomics.store(this.words, WORD.STATES + index, STATE.STARTING);
    const gone = (): void => {
      if (this.running[index] !== thread) return;
      this.running[index] = undefined;
      // One that never ran will hardly run the next time.
      const state = Atomics.exchange(this.words, WORD.STATES + index, STATE.GONE);
      if (state === STATE.STARTING) this.failedStarts++;
    };
    const { control } = this;
    const { spins = SPINS, idle = IDLE_MILLISECONDS } = this.patience;
    const names = [...this.table.keys()];
    let thread: Thread | undefined;
    try {
      thread = start({ module, memory, control, index, scratch, names, spins, idle }, gone);
      this.running[index] = thread;
    } catch {
      // As where the page's policy forbids it.
      Atomics.store(this.words, WORD.STATES + index, STATE.GONE);
      this.failedStarts++;
    }
  }

  /** Address of a thread's scratch memory, 0 where the heap is full. */
  private scratchOf(index: number, bytes: number): number {
    const address = (this.scratches[index] ??= this.parts.allocate(bytes + ALIGNMENT) >>> 0);
    if (address === 0) this.failedStarts = MAX_FAILED_STARTS;
    return address === 0 ? 0 : address + ALIGNMENT - (address % ALIGNMENT);
  }
}

/** Whether this thread may sleep: that of a page may not. */
function maySleep(words: Int32Array): boolean {
  try {
    Atomics.wait(words, WORD.EPOCH, 1, 0);
    return true;
  } catch {
    return false;
  }
}
