/**
 * A lock between processes, as a file that its holder keeps touching.
 *
 * The lock saves work, it does not guard the bytes: a process that can only be judged by its
 * silence (on another machine, in another container) may be alive after all, stopped or busy. So
 * whoever works under a lock writes to files that carry its token, and a holder that was robbed
 * damages nothing.
 */
import { nodeBuiltin } from '../common/node';
import { sleep } from '../common/retry';
import { DownloadError, LockLostError, storing } from './errors';
import { codeOf, type FileSystem } from './node_file_system';
import { hasEnded, type Holder, ownIdentity, parseHolder } from './node_process';

/** All in ms. Only tests change them. */
export const TIMING = {
  /** How often a waiting process looks. */
  poll: 200,
  /** How often the holder touches its lock. */
  touch: 5_000,
  /** Silence after which a lock is taken over: of watching, since clocks of machines differ. */
  silence: 20_000,
  /** The same for a lock that is `old` by this machine's clock. */
  oldSilence: 6_000,
  old: 60_000,
  /** The same for a lock that says nothing, as a full disk leaves it, or a crash just then. */
  emptySilence: 3_000,
};

/** The lock that was taken over to get this one. */
export interface Predecessor {
  /** Undefined for a lock that said nothing. */
  token?: string;
  /** Whether its holder is proven to run no more. */
  ended: boolean;
}

export interface FileLock {
  /** Unique to this holding of the lock. */
  readonly token: string;
  /** Undefined where the lock was free. */
  readonly predecessor: Predecessor | undefined;
  /** Aborted with the signal that was given, and when the lock is lost. */
  readonly signal: AbortSignal;
  /** Whether the lock is still held; touches it. */
  isHeld(): Promise<boolean>;
}

/** Tokens of the locks that are held here. */
const held = new Set<string>();

/** Whether it is proven that the holder holds no lock any more. */
export function isOver(holder: Holder): Promise<boolean> {
  return hasEnded(holder, held);
}

/**
 * Runs `body` while holding the lock file `path`, and waits for it if another process has it. A
 * lock is taken over when its process has ended, or when nobody has touched it for a while.
 *
 * @throws {DownloadError} 'storage' when the lock cannot be written
 * @throws {LockLostError} when another process took the lock, as soon as that is seen
 */
export async function withFileLock<T>(
  fs: FileSystem,
  path: string,
  signal: AbortSignal,
  body: (lock: FileLock) => Promise<T>,
): Promise<T> {
  const { randomUUID } = await nodeBuiltin('crypto');
  const me: Holder = { token: randomUUID(), ...(await ownIdentity()) };
  const predecessor = await acquire(fs, path, me, signal);
  held.add(me.token);
  const lost = new AbortController();
  const follow = () => lost.abort(signal.reason);
  signal.addEventListener('abort', follow);
  const timer = setInterval(() => {
    void keep(fs, path, me.token).then((kept) => {
      if (!kept) lost.abort(new LockLostError(path));
    });
  }, TIMING.touch);
  try {
    signal.throwIfAborted();
    return await body({
      token: me.token,
      predecessor,
      signal: lost.signal,
      isHeld: () => keep(fs, path, me.token),
    });
  } finally {
    clearInterval(timer);
    signal.removeEventListener('abort', follow);
    held.delete(me.token);
    // A lock that cannot be removed is one whose holder has ended: nobody waits for it.
    await clear(fs, path, me.token, me.token).catch(() => undefined);
  }
}

async function acquire(
  fs: FileSystem,
  path: string,
  me: Holder,
  signal: AbortSignal,
): Promise<Predecessor | undefined> {
  const watch = new SilenceWatch();
  let predecessor: Predecessor | undefined;
  for (;;) {
    signal.throwIfAborted();
    const seen = await storing(path, () => look(fs, path));
    if (!seen) {
      if (await storing(path, () => tryLock(fs, path, me))) return predecessor;
    } else {
      const silence = watch.silenceOf(seen.stamp);
      const ended = seen.holder !== undefined && (await isOver(seen.holder));
      if (ended || silence >= patience(seen)) {
        await storing(path, () => clear(fs, path, seen.holder?.token, me.token));
        predecessor = { token: seen.holder?.token, ended: ended && predecessor?.ended !== false };
        continue;
      }
    }
    await sleep(TIMING.poll, signal);
  }
}

interface Seen {
  /** Changes whenever the lock is touched or replaced. */
  stamp: string;
  mtimeMs: number;
  holder: Holder | undefined;
}

/** The lock as it is now; undefined where there is none. */
async function look(fs: FileSystem, path: string): Promise<Seen | undefined> {
  try {
    const stat = await fs.lstat(path);
    const { ino, mtimeMs, size } = stat;
    if (stat.isDirectory()) {
      throw new DownloadError('storage', `${path} is a folder; move it away, a lock goes there`);
    }
    // Whatever else is no file (a link, a pipe) is there, and says nothing.
    const text = stat.isFile() ? await fs.readFile(path, 'utf8') : '';
    return { stamp: `${ino} ${mtimeMs} ${size} ${text}`, mtimeMs, holder: parseHolder(text) };
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function patience({ holder, mtimeMs }: Seen): number {
  if (!holder) return TIMING.emptySilence;
  return Date.now() - mtimeMs > TIMING.old ? TIMING.oldSilence : TIMING.silence;
}

/** For how long a lock has been seen unchanged. */
class SilenceWatch {
  private stamp = '';
  private at = 0;
  private silence = 0;

  silenceOf(stamp: string): number {
    const now = performance.now();
    // Two looks far apart (this process was stopped, as the holder may have been) count as near.
    const passed = Math.min(now - this.at, 5 * TIMING.poll);
    this.silence = stamp === this.stamp ? this.silence + passed : 0;
    this.stamp = stamp;
    this.at = now;
    return this.silence;
  }
}

/** The lock appears with its content or not at all, so that a full disk leaves no empty one. */
async function tryLock(fs: FileSystem, path: string, me: Holder): Promise<boolean> {
  const own = `${path}.${me.token}`;
  const text = JSON.stringify(me);
  try {
    await fs.writeFile(own, text, { flag: 'wx' });
    await fs.link(own, path);
    return true;
  } catch (error) {
    if (!hasNoLinks(error)) {
      // Another process was faster, or has swept the folder.
      const { syscall } = error as NodeJS.ErrnoException;
      if (syscall === 'link' && ['EEXIST', 'ENOENT'].includes(codeOf(error) ?? '')) return false;
      throw error;
    }
  } finally {
    await fs.rm(own, { force: true }).catch(() => undefined);
  }
  return lockWithoutLinks(fs, path, text);
}

/** File systems without hard links: exFAT, some network shares, Android's storage. */
function hasNoLinks(error: unknown): boolean {
  const codes = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EACCES'];
  return codes.includes(codeOf(error) ?? '') && (error as NodeJS.ErrnoException).syscall === 'link';
}

async function lockWithoutLinks(fs: FileSystem, path: string, text: string): Promise<boolean> {
  const handle = await fs.open(path, 'wx').catch((error: unknown) => {
    if (codeOf(error) === 'EEXIST') return undefined;
    throw error;
  });
  if (!handle) return false;
  try {
    await handle.writeFile(text);
    return true;
  } catch (error) {
    await fs.rm(path, { force: true }).catch(() => undefined);
    throw error;
  } finally {
    await handle.close();
  }
}

/** Touches the lock; false when it is no longer ours. */
async function keep(fs: FileSystem, path: string, token: string): Promise<boolean> {
  // Twice: whoever takes over a stale lock moves it aside to look at it, and puts back a wrong one.
  for (const last of [false, true]) {
    try {
      const seen = await look(fs, path);
      if (seen?.holder?.token === token) {
        const now = new Date();
        await fs.utimes(path, now, now);
        return true;
      }
      if (last || seen) return false;
    } catch {
      // What cannot be read just now is not known to be lost.
      return true;
    }
    await sleep(TIMING.poll, new AbortController().signal);
  }
  return false;
}

/**
 * Removes the lock that has this token (undefined: one that says nothing). It is moved aside first:
 * only one process can move it, and a lock that was taken meanwhile is put back.
 */
async function clear(
  fs: FileSystem,
  path: string,
  token: string | undefined,
  mine: string,
): Promise<void> {
  const aside = `${path}.${mine}.stale`;
  try {
    await fs.rename(path, aside);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  const moved = await look(fs, aside);
  if (moved && moved.holder?.token !== token) {
    await fs.link(aside, path).catch(async (error: unknown) => {
      if (hasNoLinks(error) && !(await look(fs, path))) await fs.rename(aside, path);
    });
  }
  await fs.rm(aside, { force: true });
}
