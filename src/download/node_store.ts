/** Downloaded files in a folder. */
import { nodeBuiltin } from '../common/node';
import { storing } from './errors';
import { withFileLock } from './node_lock';
import { NodePart } from './node_part';
import type { PartFile, Sha256, WeightStore } from './store';

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

/**
 * Keeps whole files as `NAME`, unfinished ones as `NAME.part` (bytes) and `NAME.part.json` (where
 * they come from), and a lock as `NAME.lock`. A file becomes whole by renaming it, after its bytes
 * have reached the disk.
 */
class NodeStore implements WeightStore<string> {
  readonly id: string;
  readonly sendsIfRange = true;

  constructor(
    private readonly dir: string,
    private readonly fs: typeof import('node:fs/promises'),
    private readonly path: typeof import('node:path'),
  ) {
    this.id = `folder:${path.resolve(dir)}`;
  }

  private at(fileName: string): string {
    return this.path.join(this.dir, fileName);
  }

  async find(fileName: string): Promise<string | undefined> {
    const path = this.at(fileName);
    const stat = await this.fs.stat(path).catch(() => undefined);
    return stat?.isFile() ? path : undefined;
  }

  async remove(fileName: string): Promise<void> {
    const path = this.at(fileName);
    await storing(path, async () => {
      for (const file of [path, `${path}.part`, `${path}.part.json`]) {
        await this.fs.rm(file, { force: true });
      }
    });
  }

  openPart(fileName: string): Promise<PartFile> {
    const path = this.at(fileName);
    return storing(path, () => NodePart.open(this.fs, path));
  }

  async withLock<T>(
    fileName: string,
    signal: AbortSignal,
    body: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    await storing(this.dir, () => this.fs.mkdir(this.dir, { recursive: true }));
    return withFileLock(`${this.at(fileName)}.lock`, signal, body);
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

/** The store of a folder, which is created when first written to. */
export async function openNodeStore(cacheDir?: string): Promise<WeightStore<string>> {
  return new NodeStore(
    cacheDir ?? (await defaultCacheDir()),
    await nodeBuiltin('fs'),
    await nodeBuiltin('path'),
  );
}
