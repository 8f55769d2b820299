/** How the threads that share the kernels' work tell each other of it: words of one shared buffer. */

/** Most threads of a pool, the caller's included. */
export const MAX_THREADS = 32;

/** Most parts of one piece of work. */
export const MAX_PARTS = 2 * MAX_THREADS;

/** Most arguments of a kernel. */
export const MAX_ARGUMENTS = 24;

/**
 * Indices of 32-bit words. Those that several threads write lie 64 bytes apart, each in a cache line of its
 * own.
 */
export const WORD = {
  /** Goes up with every piece of work; threads sleep on it. */
  EPOCH: 0,
  /** Parts that nobody has taken yet; below 1 there is nothing to do. */
  LEFT: 16,
  /** Parts that are done; the caller sleeps on it. */
  DONE: 32,
  /** Which kernel. */
  KERNEL: 48,
  /** Which of its arguments is the scratch memory of whoever runs it; -1: none. */
  SCRATCH_ARGUMENT: 49,
  /** Not 0: threads are to end. */
  STOP: 50,
  /** What each thread is doing: a value of `STATE`. */
  STATES: 64,
  /** Of each part, whether it failed. */
  FAILED: 64 + MAX_THREADS,
} as const;

/** What a thread is doing. */
export const STATE = { STARTING: 0, READY: 1, GONE: 2 } as const;

/** Bytes before the arguments, which are float64, `MAX_ARGUMENTS` for each part. */
export const ARGUMENTS_AT = 4 * (64 + MAX_THREADS + MAX_PARTS);

/** Bytes of the whole. */
export const CONTROL_BYTES = ARGUMENTS_AT + MAX_PARTS * MAX_ARGUMENTS * 8;
