/** A lock between processes, as a file that its holder keeps touching. */
import { nodeBuiltin } from '../common/node';
import { DownloadError, storing } from './errors';
import { sleep } from './sleep';

type FileSystem = typeof import('node:fs/promises');

/** What a lock file holds. */
interface Holder {
  token: string;
  pid: number;
  host: string;
}

/** How often a waiting process looks, in ms. */
const POLL_MS = 200;
/** How often the holder touches its lock, in ms. */
const TOUCH_MS = 5_000;
/** A lock not touched for so long belongs to nobody, in ms. */
const STALE_MS = 60_000;

/**
 * Runs `body` while holding the lock file `path`, and waits for it if another process has it. A
 * lock whose process is gone, or which was not touched for a minute, is taken over; its former
 * holder, should it wake up, sees its signal aborted.
 */
export async function withFileLock<T>(
  path: string,
  signal: AbortSignal,
  body: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const fs = await nodeBuiltin('fs');
  const { randomUUID } = await nodeBuiltin('crypto');
  const me: Holder = {
    token: randomUUID(),
    pid: process.pid,
    host: (await nodeBuiltin('os')).hostname(),
  };
  while (!(await storing(path, () => tryLock(fs, path, me)))) {
    await releaseIfStale(fs, path, me);
    await sleep(POLL_MS, signal);
  }
  const lost = new AbortController();
  const follow = () => lost.abort(signal.reason);
  signal.addEventListener('abort', follow);
  const timer = setInterval(() => {
    void keep(fs, path, me).then((kept) => {
      if (!kept) lost.abort(new DownloadError('storage', `${path}: another process took the lock`));
    });
  }, TOUCH_MS);
  try {
    signal.throwIfAborted();
    return await body(lost.signal);
  } finally {
    clearInterval(timer);
    signal.removeEventListener('abort', follow);
    if ((await readHolder(fs, path))?.token === me.token) await fs.rm(path, { force: true });
  }
}

async function tryLock(fs: FileSystem, path: string, me: Holder): Promise<boolean> {
  try {
    await fs.writeFile(path, JSON.stringify(me), { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Touches the lock; false when it is no longer ours. */
async function keep(fs: FileSystem, path: string, me: Holder): Promise<boolean> {
  if ((await readHolder(fs, path))?.token !== me.token) return false;
  const now = new Date();
  await fs.utimes(path, now, now).catch(() => undefined);
  return true;
}

async function readHolder(fs: FileSystem, path: string): Promise<Partial<Holder> | undefined> {
  try {
    return JSON.parse(await fs.readFile(path, 'utf8')) as Partial<Holder>;
  } catch {
    return undefined;
  }
}

async function releaseIfStale(fs: FileSystem, path: string, me: Holder): Promise<void> {
  const stat = await fs.stat(path).catch(() => undefined);
  const holder = await readHolder(fs, path);
  if (!stat) return;
  const gone = holder?.host === me.host && holder.pid !== undefined && !isRunning(holder.pid);
  if (!gone && Date.now() - stat.mtimeMs < STALE_MS) return;
  // Moved aside first: only one process can move it, and a lock taken meanwhile is put back.
  const aside = `${path}.${me.token}.stale`;
  try {
    await fs.rename(path, aside);
  } catch {
    return;
  }
  if ((await readHolder(fs, aside))?.token !== holder?.token) {
    await fs.link(aside, path).catch(() => undefined);
  }
  await fs.rm(aside, { force: true });
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it runs, but is another user's.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
