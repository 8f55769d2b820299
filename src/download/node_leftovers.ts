/** What earlier downloads left beside a file: taken over by the one that now holds the lock, or removed. */
import type { FileHandle } from 'node:fs/promises';

import { ifThere } from '../common/if_there';
import { nodeBuiltin } from '../common/node';
import { codeOf, type FileSystem, replaceFile } from './node_file_system';
import { type FileLock, isOver } from './node_lock';
import { entryOf } from './node_names';
import { NodePart, type PartPlace, type PartRecord } from './node_part';
import { parseHolder } from './node_process';

/** A lock's own files that are older than this belong to nobody, in ms. */
const ABANDONED_MS = 60_000;
/** No record of ours is longer. */
const LONGEST_RECORD = 64 * 2 ** 10;

interface Leftover {
  path: string;
  token: string | undefined;
  record: PartRecord;
}

/** Opens the part of the lock's holder, with the bytes of an earlier one where they can be trusted. */
export async function openPart(place: PartPlace): Promise<NodePart> {
  const { fs, path, lock, whole } = place;
  const best = await bestLeftover(fs, whole, lock);
  const taken = best && (await take(fs, best, path, lock));
  try {
    await sweep(fs, whole, lock);
    if (taken) return new NodePart(place, taken, best.record);
    await fs.rm(`${path}.json`, { force: true });
    return new NodePart(place, await fs.open(path, 'wx+'), undefined);
  } catch (error) {
    await taken?.close();
    throw error;
  }
}

/** The leftover with the most bytes. That of the lock's last holder is preferred: it is the newest. */
async function bestLeftover(
  fs: FileSystem,
  whole: string,
  lock: FileLock,
): Promise<Leftover | undefined> {
  const rank = ({ token, record }: Leftover) =>
    token !== undefined && token === lock.predecessor?.token ? Infinity : record.received;
  let best: Leftover | undefined;
  for (const { path, entry } of await entriesBeside(fs, whole)) {
    if (entry.kind !== 'part') continue;
    const record = await readRecord(fs, path);
    if (!record) continue;
    const leftover = { path, token: entry.token, record };
    if (!best || rank(leftover) > rank(best)) best = leftover;
  }
  return best;
}

async function readRecord(fs: FileSystem, path: string): Promise<PartRecord | undefined> {
  const part = await ifThere(fs.lstat(path));
  const note = await ifThere(fs.stat(`${path}.json`));
  if (!part?.isFile() || !note?.isFile() || note.size > LONGEST_RECORD) return undefined;
  const record = parseRecord(await fs.readFile(`${path}.json`, 'utf8'));
  return record && record.received > 0 && record.received <= part.size ? record : undefined;
}

/**
 * Makes the leftover the part `path`. A file that another process may still have open is copied:
 * only where the file system can, the copy shares the bytes until either is written to.
 */
async function take(
  fs: FileSystem,
  leftover: Leftover,
  path: string,
  lock: FileLock,
): Promise<FileHandle | undefined> {
  const { predecessor } = lock;
  const isOurs =
    leftover.token !== undefined &&
    (!predecessor || (predecessor.ended && predecessor.token === leftover.token));
  const keepRecord = () =>
    replaceFile(fs, `${path}.json`, `${path}.json.new`, JSON.stringify(leftover.record));
  try {
    if (isOurs) {
      await keepRecord();
      await fs.rename(leftover.path, path);
    } else {
      const { COPYFILE_EXCL, COPYFILE_FICLONE } = fs.constants;
      await fs.copyFile(leftover.path, path, COPYFILE_EXCL | COPYFILE_FICLONE);
    }
    const handle = await openExclusive(fs, path, leftover.record.received);
    if (handle && !isOurs) {
      await handle
        .sync()
        .then(keepRecord)
        .catch(async (error: unknown) => {
          await handle.close();
          throw error;
        });
    }
    if (handle) return handle;
  } catch (error) {
    // No space for a copy, or gone meanwhile: what is missing is downloaded.
    const harmless = isOurs ? ['ENOENT', 'ELOOP'] : ['ENOENT', 'ELOOP', 'ENOSPC', 'EDQUOT'];
    if (!harmless.includes(codeOf(error) ?? '')) throw error;
  }
  await fs.rm(path, { force: true });
  return undefined;
}

/** Opens a part for writing, unless writing would reach another file: a link's, or one of two names. */
async function openExclusive(
  fs: FileSystem,
  path: string,
  bytes: number,
): Promise<FileHandle | undefined> {
  const handle = await fs.open(path, fs.constants.O_RDWR | (fs.constants.O_NOFOLLOW ?? 0));
  const stat = await ifThere(handle.stat());
  if (stat?.nlink === 1 && stat.size >= bytes) return handle;
  await handle.close();
  return undefined;
}

/** Removes what stands beside a file, but for what the lock's holder has made. */
export async function sweep(fs: FileSystem, whole: string, lock: FileLock): Promise<void> {
  for (const { path, entry } of await entriesBeside(fs, whole)) {
    if (path.includes(lock.token)) continue;
    if (entry.kind === 'temporary' && !(await isAbandoned(fs, path))) continue;
    await fs.rm(path, { force: true });
  }
}

async function isAbandoned(fs: FileSystem, path: string): Promise<boolean> {
  const stat = await ifThere(fs.lstat(path));
  if (!stat) return false;
  if (Date.now() - stat.mtimeMs > ABANDONED_MS) return true;
  const holder = parseHolder(await fs.readFile(path, 'utf8').catch(() => ''));
  return holder !== undefined && isOver(holder);
}

async function entriesBeside(fs: FileSystem, whole: string) {
  const { basename, dirname, join } = await nodeBuiltin('path');
  const found = [];
  for (const name of await fs.readdir(dirname(whole))) {
    const entry = entryOf(basename(whole), name);
    if (entry) found.push({ path: join(dirname(whole), name), entry });
  }
  return found;
}

function parseRecord(text: string): PartRecord | undefined {
  try {
    const record = JSON.parse(text) as Partial<PartRecord> | null;
    const sound =
      typeof record?.url === 'string' &&
      Number.isSafeInteger(record.received) &&
      (record.validator === undefined || typeof record.validator === 'string') &&
      (record.total === undefined || Number.isSafeInteger(record.total));
    return sound ? (record as PartRecord) : undefined;
  } catch {
    return undefined;
  }
}
