/**
 * A file system of which the n-th call fails. A test file mocks `node:fs/promises` with
 * `brittle()`, and then runs what writes or reads once for every n.
 */
import type * as promises from 'node:fs/promises';

type FileSystem = typeof promises;
type Call = (...args: unknown[]) => Promise<unknown>;

/** The file system as it is, for what a test itself does. */
export const wholeDisk = jest.requireActual<FileSystem>('node:fs/promises');

const FUNCTIONS = [
  'open',
  'rename',
  'mkdir',
  'rmdir',
  'rm',
  'stat',
  'lstat',
  'readFile',
  'writeFile',
  'readdir',
  'realpath',
  'readlink',
  'chmod',
] as const;
const METHODS = ['write', 'writeFile', 'read', 'sync', 'stat', 'close'] as const;

/** What the file system did, and which call is to fail. */
export const disk = {
  /** Counted from 1; undefined: none fails. */
  failAt: undefined as number | undefined,
  /** The calls so far, with what they were given first. */
  calls: [] as string[],
  /** Takes the place of a handle's `write`, for more bytes than a test can write. */
  write: undefined as ((...args: unknown[]) => Promise<unknown>) | undefined,
  /** Files that are open. */
  open: new Set<object>(),
};

/** The real file system, counted, and failing where `disk` says so. */
export function brittle(): FileSystem {
  const wrap =
    (name: string, call: Call, spoil: Call = async () => undefined): Call =>
    async (...args) => {
      disk.calls.push(`${name} ${typeof args[0] === 'string' ? args[0] : ''}`.trim());
      if (disk.calls.length !== disk.failAt) return call(...args);
      await spoil(...args);
      throw Object.assign(new Error(`EIO: i/o error, ${name}`), { code: 'EIO' });
    };
  const wrapHandle = (handle: promises.FileHandle): promises.FileHandle => {
    disk.open.add(handle);
    const close: Call = async () => {
      disk.open.delete(handle);
      await handle.close();
    };
    // A disk that is full takes a part of what it is given; a file that fails to close is closed.
    const halfWrite: Call = async (bytes) =>
      handle.write((bytes as Uint8Array).subarray(0, (bytes as Uint8Array).length >> 1));
    const spoilers: Partial<Record<string, Call>> = { close, write: halfWrite };
    // Counted, but not done: hundreds of runs would wait for the disk.
    const calls: Partial<Record<string, Call>> = { close, sync: async () => undefined };
    if (disk.write) calls.write = disk.write;
    const methods = METHODS.map((name) => {
      const call = calls[name] ?? (handle[name].bind(handle) as unknown as Call);
      return [name, wrap(`handle.${name}`, call, spoilers[name])];
    });
    return Object.fromEntries(methods) as promises.FileHandle;
  };
  const functions = FUNCTIONS.map((name) => {
    const call = wholeDisk[name] as unknown as Call;
    if (name !== 'open') return [name, wrap(name, call)];
    return [
      name,
      wrap(name, async (...args) => wrapHandle((await call(...args)) as promises.FileHandle)),
    ];
  });
  return { ...wholeDisk, ...(Object.fromEntries(functions) as Partial<FileSystem>) };
}

/** A run in which call number `failed` failed. */
export interface FailedRun {
  /** Which call it was, for example `rename /tmp/x`. */
  readonly call: string;
  /** What the work threw; undefined where it went well all the same. */
  readonly error: unknown;
}

/**
 * Runs `work` once for each of its calls of the file system, which then fails.
 *
 * @param prepare before each run
 * @param check after each run, with a whole file system again
 * @returns the calls of an undisturbed run
 */
export async function failAtEach(
  prepare: () => Promise<void>,
  work: () => Promise<unknown>,
  check: (run: FailedRun) => Promise<void>,
): Promise<string[]> {
  const whole: string[] = [];
  for (let n = 1; ; n++) {
    disk.failAt = undefined;
    await prepare();
    disk.calls = [];
    disk.failAt = n;
    let error: unknown;
    try {
      await work();
    } catch (thrown) {
      error = thrown;
    } finally {
      disk.failAt = undefined;
    }
    const { calls } = disk;
    disk.calls = [];
    if (calls.length < n) {
      if (error !== undefined) throw error;
      return calls;
    }
    whole.push(calls[n - 1] as string);
    expect({ call: whole.at(-1), stillOpen: disk.open.size }).toEqual({
      call: whole.at(-1),
      stillOpen: 0,
    });
    await check({ call: whole.at(-1) as string, error });
  }
}

/** Sets the times of everything in a folder back, as if it had been written hours ago. */
export async function age(folder: string, hours = 2): Promise<void> {
  const then = new Date(Date.now() - hours * 3600e3);
  for (const name of await wholeDisk.readdir(folder, { recursive: true })) {
    await wholeDisk.utimes(`${folder}/${name}`, then, then);
  }
}

/** All files of a folder with their bytes, base64; of folders only the name. */
export async function contentOf(folder: string): Promise<Record<string, string>> {
  const content: Record<string, string> = {};
  for (const name of (await wholeDisk.readdir(folder, { recursive: true })).sort()) {
    const file = `${folder}/${name}`;
    const isFile = (await wholeDisk.stat(file)).isFile();
    content[name] = isFile ? (await wholeDisk.readFile(file)).toString('base64') : 'folder';
  }
  return content;
}
