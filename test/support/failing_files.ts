/**
 * Lets the n-th call of `node:fs/promises` fail, as on a full disk; methods of open files count. A
 * test that uses it begins with
 *
 *     jest.mock('node:fs/promises', () =>
 *       jest.requireActual<typeof import('../support/failing_files')>('../support/failing_files').files(),
 *     );
 */
import type * as promises from 'node:fs/promises';

type Call = (...args: unknown[]) => unknown;

/** The error of a call that fails, as the system's errors are. */
export class FileFailure extends Error {
  override name = 'FileFailure';
  readonly code = 'ENOSPC';
  readonly errno = -28;

  constructor(
    readonly syscall: string,
    readonly call: number,
  ) {
    super(`ENOSPC: no space left on device, ${syscall}, call ${call}`);
  }
}

/** What `fn` did. */
export interface FileRun {
  /** Names of the calls in order, such as `open`, `handle.write`, `rename`. */
  calls: string[];
  /** Files that it opened and did not close. */
  leftOpen: string[];
}

/** What a run that failed did, and its error. */
export interface FailedFileRun extends FileRun {
  failure: FileFailure;
  /** What `fn` threw; undefined where it went on without. */
  error: unknown;
}

interface Watch extends FileRun {
  open: Map<promises.FileHandle, string>;
  failAt: number;
  failure?: FileFailure;
}

let watch: Watch | undefined;

/** Notes a call; throws where it is the one that must fail. */
function note(name: string): void {
  if (!watch) return;
  watch.calls.push(name);
  if (watch.calls.length !== watch.failAt) return;
  watch.failure = new FileFailure(name, watch.failAt);
  throw watch.failure;
}

const HANDLE_CALLS = new Set<unknown>(
  'appendFile chmod close datasync read readFile readv stat sync truncate utimes write writeFile writev'.split(
    ' ',
  ),
);

/** An open file whose calls count. */
function watched(handle: promises.FileHandle, path: string): promises.FileHandle {
  watch?.open.set(handle, path);
  return new Proxy(handle, {
    get: (target, key) => {
      const value = Reflect.get(target, key, target) as unknown;
      if (typeof value !== 'function') return value;
      const method = (value as Call).bind(target);
      if (!HANDLE_CALLS.has(key)) return method;
      return async (...args: unknown[]) => {
        // A file whose closing fails is closed all the same.
        if (key === 'close') {
          watch?.open.delete(target);
          await method(...args);
          note('handle.close');
          return undefined;
        }
        note(`handle.${String(key)}`);
        return method(...args);
      };
    },
  });
}

/** The module `node:fs/promises`, so that calls can fail: for `jest.mock`. */
export function files(): typeof promises {
  const actual = jest.requireActual<typeof promises>('node:fs/promises');
  const wrapped = Object.entries(actual).map(([name, value]) => {
    if (typeof value !== 'function') return [name, value as unknown] as const;
    const call = async (...args: unknown[]) => {
      note(name);
      const result = await (value as Call)(...args);
      return name === 'open' ? watched(result as promises.FileHandle, String(args[0])) : result;
    };
    return [name, call] as const;
  });
  return Object.fromEntries(wrapped) as unknown as typeof promises;
}

async function run(
  failAt: number,
  fn: () => Promise<unknown>,
): Promise<Watch & { error: unknown }> {
  if (watch) throw new Error('failing_files: one run at a time');
  const current: Watch = { calls: [], leftOpen: [], open: new Map(), failAt };
  watch = current;
  let error: unknown;
  try {
    await fn();
  } catch (thrown) {
    error = thrown;
  } finally {
    watch = undefined;
  }
  current.leftOpen = [...current.open.values()];
  return { ...current, error };
}

/** Runs `fn` and notes its calls. */
export async function watchFiles(fn: () => Promise<unknown>): Promise<FileRun> {
  const { calls, leftOpen, error } = await run(Infinity, fn);
  if (error !== undefined) throw error;
  if (calls.length === 0) throw new Error('failing_files: no call; is node:fs/promises mocked?');
  return { calls, leftOpen };
}

/**
 * Runs `fn`, whose n-th call, counted from 1, fails before it does anything.
 *
 * @throws where there are fewer calls
 */
export async function failAtFileCall(
  n: number,
  fn: () => Promise<unknown>,
): Promise<FailedFileRun> {
  const { calls, leftOpen, failure, error } = await run(n, fn);
  if (!failure) {
    throw new Error(`failing_files: ${calls.length} calls, the ${n}th was to fail`, {
      cause: error,
    });
  }
  return { calls, leftOpen, failure, error };
}
