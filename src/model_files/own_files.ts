/** The files that saving a model writes, and which of them are of no more use. */
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';

import { isAbandoned } from '../weights/bytes/leftovers';
import { systemCode } from './errors';

const SHARD = /^weights-[0-9a-f]{12}\.\d+of\d+\.bin$/;

/** Unfinished `model.json`s; 0.1.0 named them after the first shard. */
const PARTIAL = /^weights-[0-9a-f]{12}(\.1of\d+\.bin)?\.json\.partial$/;

/** Whatever may name weight files: `model.json`, under other names and with endings of copies, too. */
const MANIFEST = /\.json(\.(?!partial$)|$)/i;

/** Names of the files of one save, which no other save uses. */
export function namesOfSave(
  bytes: number,
  shardBytes: number,
): { shards: string[]; partial: string } {
  const save = `weights-${randomBytes(6).toString('hex')}`;
  const count = Math.ceil(bytes / shardBytes);
  const shards = Array.from({ length: count }, (_, i) => `${save}.${i + 1}of${count}.bin`);
  return { shards, partial: `${save}.json.partial` };
}

/** Weight files that the folder's `model.json` names, as far as this module wrote them. */
export async function ownShards(folder: string): Promise<string[]> {
  const text = await fs.readFile(path.join(folder, 'model.json'), 'utf8').catch((error) => {
    if (systemCode(error) === 'ENOENT') return '{}';
    throw error;
  });
  try {
    const { weightsManifest = [] } = JSON.parse(text) as {
      weightsManifest?: { paths: string[] }[];
    };
    return weightsManifest.flatMap(({ paths }) => paths).filter((name) => SHARD.test(name));
  } catch {
    return []; // Not a model.json, whatever it is: nothing of it is ours to delete.
  }
}

/**
 * Removes, after a save, the weight files that it replaced and what saves that were killed have left
 * for over an hour. Only files with names that this module gives, and none that any JSON file of the
 * folder names: copies of `model.json` keep their weights. Never throws.
 */
export async function removeUseless(folder: string, replaced: readonly string[]): Promise<void> {
  try {
    const { mtimeMs: now } = await fs.stat(path.join(folder, 'model.json'));
    const names = await fs.readdir(folder);
    const useless: string[] = [];
    for (const name of names) {
      if (!SHARD.test(name) && !PARTIAL.test(name)) continue;
      const old =
        replaced.includes(name) ||
        (await isAbandoned(fs, path.join(folder, name), now).catch(() => false));
      if (old) useless.push(name);
    }
    if (useless.length === 0) return;
    const texts: Buffer[] = [];
    // A file that cannot be read may name anything: then nothing is removed.
    for (const name of names) {
      if (MANIFEST.test(name)) texts.push(await readIfFile(path.join(folder, name)));
    }
    const unnamed = useless.filter((name) => !texts.some((text) => text.includes(name)));
    await removeFiles(folder, unnamed);
  } catch {
    // The next save tries again.
  }
}

/** Removes files that may not be there. Never throws. */
export async function removeFiles(folder: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    await fs.rm(path.join(folder, name), { force: true }).catch(() => undefined);
  }
}

async function readIfFile(file: string): Promise<Buffer> {
  return (await fs.stat(file)).isFile() ? fs.readFile(file) : Buffer.alloc(0);
}
