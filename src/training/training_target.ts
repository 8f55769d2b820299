/** The places where training is saved: files in Node, records of IndexedDB in browsers. */
import { requireArgument } from '../common/arguments';
import { nodeBuiltin, runsInNode } from '../common/node';
import type { ByteSource } from '../weights/bytes/byte_source';
import { databaseFile, databaseSink, removeFromDatabase } from '../weights/bytes/database';
import { makeFolder } from '../weights/bytes/durable';
import { nodeFileSystem } from '../weights/bytes/node_file_system';
import { type ByteSink, fileSink, requirePath } from '../weights/bytes/sink';
import { blobSource, openSource } from '../weights/bytes/source';
import { CheckpointError } from '../weights/errors';
import type { TrainingSource, TrainingTarget } from './saved_training';

const SCHEME = 'indexeddb://';

/** What a target is, for messages. */
const EXPECTED = "a path (in Node), or 'indexeddb://NAME' (in browsers)";

/** The name in IndexedDB; undefined where the target is a path. */
function databaseName(owner: string, target: unknown): string | undefined {
  const isPlace = typeof target === 'string' && target !== '' && target !== SCHEME;
  requireArgument(owner, 'target', target, isPlace, EXPECTED);
  const place = target as string;
  if (place.startsWith(SCHEME)) return place.slice(SCHEME.length);
  requirePath(place);
  if (runsInNode()) return undefined;
  throw new CheckpointError(
    'unsupported',
    `${owner}: there are no paths here, such as ${place}; give 'indexeddb://NAME'`,
  );
}

/**
 * Writes to a target, which holds what it held before until all is written. The folder of a file is made
 * where it does not exist.
 *
 * @throws {CheckpointError} 'io' when it cannot be written; 'unsupported' when there is no such place here
 */
export async function targetSink(owner: string, target: TrainingTarget): Promise<ByteSink<void>> {
  const name = databaseName(owner, target);
  if (name !== undefined) return databaseSink(name);
  const [fs, { dirname }] = await Promise.all([nodeFileSystem(), nodeBuiltin('path')]);
  const undo = await makeFolder(fs, dirname(target)).catch((cause: unknown) => {
    throw new CheckpointError('io', `${target} cannot be written: ${String(cause)}`, { cause });
  });
  const sink = await fileSink(target).catch(async (error: unknown) => {
    await undo();
    throw error;
  });
  return {
    ...sink,
    abort: async () => {
      await sink.abort();
      await undo();
    },
  };
}

/**
 * The bytes of a target; null where there are none.
 *
 * @throws {CheckpointError} 'io' when it cannot be read; 'unsupported' when there is no such place here
 */
export async function targetBytes(
  owner: string,
  target: TrainingTarget,
): Promise<ByteSource | null> {
  const name = databaseName(owner, target);
  if (name !== undefined) {
    const blob = await databaseFile(name);
    return blob ? blobSource(blob, target) : null;
  }
  try {
    return await openSource(target);
  } catch (error) {
    const { cause } = error as { cause?: { code?: unknown } };
    if (cause?.code === 'ENOENT') return null;
    throw error;
  }
}

/**
 * The bytes of a target, or of whatever else they are in.
 *
 * @throws {CheckpointError} 'io' when there is nothing or it cannot be read; 'unsupported' when it is
 *   nothing that can be read
 */
export async function sourceBytes(owner: string, source: TrainingSource): Promise<ByteSource> {
  if (typeof source !== 'string' || !source.startsWith(SCHEME)) return openSource(source);
  const bytes = await targetBytes(owner, source);
  if (bytes) return bytes;
  throw new CheckpointError('io', `${owner}: nothing is saved at ${source}`);
}

/**
 * Removes what a target holds, if there is something.
 *
 * @throws {CheckpointError} 'io' when it cannot be removed; 'unsupported' when there is no such place here
 */
export async function removeTarget(owner: string, target: TrainingTarget): Promise<void> {
  const name = databaseName(owner, target);
  if (name !== undefined) return removeFromDatabase(name);
  const fs = await nodeFileSystem();
  await fs.rm(target, { force: true }).catch((cause: unknown) => {
    throw new CheckpointError('io', `${target} cannot be removed: ${String(cause)}`, { cause });
  });
}
