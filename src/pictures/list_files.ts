/** Folders of files, listed. */
import type { Dirent } from 'node:fs';
import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';

import { isHidden } from '../data/class_folders';
import { listing } from './listing';

/** One is left for the thread that trains. */
export function defaultThreads(): number {
  return Math.min(8, Math.max(1, os.availableParallelism() - 1));
}

/** What lies in a folder. */
export interface Listing {
  /** Paths from the folder, with `/`. */
  files: string[];
  /** Names of the folders in it. */
  folders: string[];
}

/**
 * Lists a folder, and the folders in it to their depths. What is hidden is passed over.
 *
 * @param parent the folder that `place` is a part of, or `place` itself: what it has is told where `place` is not there
 * @throws {Error} when one cannot be listed
 */
export async function listFolder(owner: string, place: string, parent: string): Promise<Listing> {
  const files: string[] = [];
  const entries = await entriesOf(owner, place, place === parent ? undefined : parent);
  const folders: string[] = [];
  for (const entry of entries) {
    const isFolder = await isDirectory(owner, place, entry);
    if (isFolder) {
      folders.push(entry.name);
      await listInto(owner, files, place, entry.name, new Set());
    } else files.push(entry.name);
  }
  return { files, folders };
}

/** Appends the files below a folder. A link that leads back to where it lies is not followed. */
async function listInto(
  owner: string,
  files: string[],
  place: string,
  within: string,
  above: ReadonlySet<string>,
): Promise<void> {
  const folder = path.join(place, within);
  const real = await listing(`${owner}: ${folder}`, () => fs.realpath(folder));
  if (above.has(real)) return;
  for (const entry of await entriesOf(owner, folder)) {
    const name = `${within}/${entry.name}`;
    if (await isDirectory(owner, folder, entry)) {
      await listInto(owner, files, place, name, new Set([...above, real]));
    } else files.push(name);
  }
}

/** What is in a folder and not hidden. */
async function entriesOf(owner: string, folder: string, parent?: string): Promise<Dirent[]> {
  const read = () => fs.readdir(folder, { withFileTypes: true });
  const entries = await listing(`${owner}: ${folder}`, read, async () => {
    const there = parent === undefined ? [] : await foldersIn(parent);
    return there.length > 0 ? `; ${parent} has ${there.join(', ')}` : '';
  });
  return entries.filter(({ name }) => !isHidden(name));
}

async function foldersIn(folder: string): Promise<string[]> {
  const entries = await fs.readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isDirectory() && !isHidden(entry.name))
    .map(({ name }) => name)
    .sort();
}

/** Of a link, what it leads to; one that leads nowhere is left for reading it to tell. */
async function isDirectory(owner: string, folder: string, entry: Dirent): Promise<boolean> {
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  const file = path.join(folder, entry.name);
  return listing(`${owner}: ${file}`, async () => {
    try {
      return (await fs.stat(file)).isDirectory();
    } catch (error) {
      if (['ENOENT', 'ELOOP'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
      throw error;
    }
  });
}

/**
 * Paths of all files below a folder, from there, with `/` between names. What is hidden is passed over.
 *
 * @throws {Error} when it, or a folder in it, cannot be listed
 */
export async function filesIn(owner: string, folder: string): Promise<string[]> {
  return (await listFolder(owner, folder, folder)).files;
}
