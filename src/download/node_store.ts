/** Downloaded files in a folder. */
import { ifThere } from '../common/if_there';
import { nodeBuiltin } from '../common/node';
import { storing } from './errors';
import { type FileSystem, replaceFile } from './node_file_system';
import { openPart, sweep } from './node_leftovers';
import { type FileLock, withFileLock } from './node_lock';
import { requireFileName } from './node_names';
import { readFrom } from './node_part';
import type { FileNote, PartFile, Session, Sha256, StoredFile, WeightStore } from './store';

/**
 * The folder that downloads are kept in: `TFJS_REVCOL_CACHE`, else `tfjs-revcol` in the system's
 * cache folder (`$XDG_CACHE_HOME` or `~/.cache`; `~/Library/Caches` on macOS; `%LOCALAPPDATA%` on
 * Windows).
 */
export async function defaultCacheDir(): Promise<string> {
  const { env, platform } = process;
  if (env.TFJS_REVCOL_CACHE) return env.TFJS_REVCOL_CACHE;
  const [os, path] = [await nodeBuiltin('os'), await nodeBuiltin('path')];
  const home = os.homedir();
  const base =
    platform === 'win32'
      ? (env.LOCALAPPDATA ?? path.join(home, 'AppData', 'Local'))
      : platform === 'darwin'
        ? path.join(home, 'Library', 'Caches')
        : env.XDG_CACHE_HOME || path.join(home, '.cache');
  return path.join(base, 'tfjs-revcol');
}

/** A note as it is kept, with the times that tell whether the file was touched since. */
interface KeptNote extends FileNote {
  mtimeMs: number;
  ctimeMs: number;
}

/**
 * Keeps whole files as `NAME`, what is known of them as `NAME.note` (JSON), unfinished ones as
 * `NAME.part.TOKEN` (bytes) and `NAME.part.TOKEN.json` (where they come from), and a lock as
 * `NAME.lock`. A file becomes whole by renaming it, after its bytes have reached the disk.
 */
class NodeStore implements WeightStore<string> {
  readonly id: string;
  readonly sendsIfRange = true;
  readonly hashesFast = true;

  constructor(
    private readonly dir: string,
    private readonly fs: FileSystem,
    private readonly path: typeof import('node:path'),
  ) {
    this.id = `folder:${path.resolve(dir)}`;
  }

  private at(fileName: string): string {
    requireFileName(fileName);
    return this.path.join(this.dir, fileName);
  }

  async find(fileName: string): Promise<StoredFile<string> | undefined> {
    const whole = this.at(fileName);
    const stat = await ifThere(this.fs.stat(whole));
    if (!stat?.isFile()) return undefined;
    const { ino, size, mtimeMs, ctimeMs } = stat;
    const kept = parseNote(await this.fs.readFile(noteOf(whole), 'utf8').catch(() => ''));
    const { fs } = this;
    return {
      whole,
      bytes: size,
      note: kept,
      untouched: kept?.bytes === size && kept.mtimeMs === mtimeMs && kept.ctimeMs === ctimeMs,
      version: [ino, size, mtimeMs, ctimeMs].join(' '),
      read: () => readWhole(fs, whole, size),
      remember: (note) => keepNote(fs, whole, note, ctimeMs),
    };
  }

  async withLock<T>(
    fileName: string,
    signal: AbortSignal,
    body: (session: Session) => Promise<T>,
  ): Promise<T> {
    const whole = this.at(fileName);
    await storing(this.dir, () => this.fs.mkdir(this.dir, { recursive: true }));
    return withFileLock(this.fs, `${whole}.lock`, signal, (lock) =>
      body({
        signal: lock.signal,
        openPart: () => this.openPart(whole, lock),
        remove: () => this.remove(whole, lock),
      }),
    );
  }

  private openPart(whole: string, lock: FileLock): Promise<PartFile> {
    const { fs } = this;
    const path = `${whole}.part.${lock.token}`;
    const onCommit = (note: FileNote) => keepNote(fs, whole, note);
    return storing(whole, () => openPart({ fs, lock, whole, path, onCommit }));
  }

  private async remove(whole: string, lock: FileLock): Promise<void> {
    await storing(whole, async () => {
      await this.fs.rm(whole, { force: true });
      await this.fs.rm(noteOf(whole), { force: true });
      await sweep(this.fs, whole, lock);
    });
  }

  async createSha256(): Promise<Sha256> {
    const { createHash } = await nodeBuiltin('crypto');
    const hash = createHash('sha256');
    return {
      update: (chunk) => void hash.update(chunk),
      digest: () => hash.digest('hex'),
    };
  }
}

function noteOf(whole: string): string {
  return `${whole}.note`;
}

async function* readWhole(
  fs: FileSystem,
  whole: string,
  length: number,
): AsyncGenerator<Uint8Array> {
  const guard = <T>(work: () => Promise<T>) => storing(whole, work);
  const handle = await guard(() => fs.open(whole, 'r'));
  try {
    yield* readFrom(handle, length, guard);
  } finally {
    // Of a file that was only read nothing can be lost.
    await handle.close().catch(() => undefined);
  }
}

/** Notes a file that was verified. Without a note (a full disk, a folder only to read) it is again. */
async function keepNote(
  fs: FileSystem,
  whole: string,
  { source, bytes, sha256 }: FileNote,
  verifiedCtimeMs?: number,
): Promise<void> {
  const { randomUUID } = await nodeBuiltin('crypto');
  try {
    const { size, mtimeMs, ctimeMs } = await fs.stat(whole);
    const changed = verifiedCtimeMs !== undefined && verifiedCtimeMs !== ctimeMs;
    if (size !== bytes || changed) return;
    const kept: KeptNote = { source, bytes, sha256, mtimeMs, ctimeMs };
    const path = noteOf(whole);
    await replaceFile(fs, path, `${path}.${randomUUID()}.new`, JSON.stringify(kept));
  } catch {
    // Nothing is lost but time.
  }
}

function parseNote(text: string): KeptNote | undefined {
  try {
    const note = JSON.parse(text) as Partial<KeptNote> | null;
    const sound =
      typeof note?.source === 'string' &&
      Number.isSafeInteger(note.bytes) &&
      Number.isFinite(note.mtimeMs) &&
      Number.isFinite(note.ctimeMs) &&
      (note.sha256 === undefined || typeof note.sha256 === 'string');
    return sound ? (note as KeptNote) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The store of a folder, which is created when first written to.
 *
 * @param fs Node's file system; tests give one that fails
 */
export async function openNodeStore(
  cacheDir?: string,
  fs?: FileSystem,
): Promise<WeightStore<string>> {
  return new NodeStore(
    cacheDir ?? (await defaultCacheDir()),
    fs ?? (await nodeBuiltin('fs')),
    await nodeBuiltin('path'),
  );
}
