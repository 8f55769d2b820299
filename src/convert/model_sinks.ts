/** Places for the files of a converted model. */
import { requireArgument } from '../common/arguments';
import { messageOf } from '../common/messages';
import { nodeBuiltin } from '../common/node';
import { type FileSystem, makeFolder, renameDurably, syncFolder } from '../weights/bytes/durable';
import { partialName, removeLeftovers } from '../weights/bytes/leftovers';
import { nodeFileSystem } from '../weights/bytes/node_file_system';
import { blobSink, newFileSink, requirePath } from '../weights/bytes/sink';
import { CheckpointError } from '../weights/errors';
import type { ModelSink } from './shard_writer';

/**
 * A folder in Node. The files are written beside it first; the folder appears only when the model
 * is complete and on the disk. Resolves to the path of its `model.json`. What conversions to the same
 * folder that were killed have left for over an hour is removed.
 *
 * @param path of the folder; it may exist if it is empty
 * @throws {CheckpointError} 'io' when the folder exists and is not empty, or cannot be written;
 * 'unsupported' when this is not Node, or `path` is an address
 */
export async function folderSink(path: string): Promise<ModelSink<string>> {
  const fits = typeof path === 'string' && path !== '';
  requireArgument('folderSink', 'path', path, fits, 'the path of a folder');
  requirePath(path);
  const fs = await nodeFileSystem();
  const { dirname } = await nodeBuiltin('path');
  const fail = (error: unknown): never => {
    if (error instanceof CheckpointError) throw error;
    throw new CheckpointError('io', `${path} cannot be written: ${messageOf(error)}`, {
      cause: error,
    });
  };
  const present = await fs.readdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    return fail(error);
  });
  if (present !== undefined && present.length > 0) {
    throw new CheckpointError('io', `folder ${path} is not empty; choose another or empty it`);
  }
  const trimmed = path.replace(/(?<=[^/\\])[/\\]+$/, '');
  // A link stays; the folder that it leads to is the one that is filled.
  const target = present === undefined ? trimmed : await fs.realpath(trimmed).catch(fail);
  const partial = await partialName(target);
  let undo: (() => Promise<void>) | undefined;
  // Only now: a sink that is never used leaves nothing behind.
  const begin = async (): Promise<void> => {
    const undoParents = await makeFolder(fs, dirname(partial));
    undo = async () => {
      await fs.rm(partial, { recursive: true, force: true }).catch(() => undefined);
      await undoParents();
    };
    await fs.mkdir(partial);
    await removeLeftovers(fs, target, partial);
  };
  return {
    open: async (fileName) => {
      if (undo === undefined) await begin().catch(fail);
      return newFileSink(`${partial}/${fileName}`, `${path}/${fileName}`);
    },
    finish: async () => {
      await syncFolder(fs, partial).catch(fail);
      await putInPlace(fs, partial, target).catch(fail);
      return `${trimmed}/model.json`;
    },
    abort: async () => undo?.(),
  };
}

/** Renames a folder to one that is not there, or is empty. */
async function putInPlace(fs: FileSystem, partial: string, target: string): Promise<void> {
  try {
    await renameDurably(fs, partial, target);
  } catch (error) {
    // Windows replaces no folder, not even an empty one; everywhere else this is the same failure.
    if (!['EPERM', 'EEXIST', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) {
      throw error;
    }
    await fs.rmdir(target);
    await renameDurably(fs, partial, target).catch(async (again: unknown) => {
      await fs.mkdir(target).catch(() => undefined);
      throw again;
    });
  }
}

/**
 * Files in memory (or wherever the browser keeps Blobs), `model.json` first: what
 * `tf.loadLayersModel(tf.io.browserFiles(files))` takes.
 */
export function filesSink(): ModelSink<File[]> {
  const files: File[] = [];
  return {
    open: async (fileName) => {
      const sink = blobSink();
      return {
        ...sink,
        finish: async () => {
          const blob = await sink.finish();
          files.push(new File([blob], fileName, { type: blob.type }));
        },
      };
    },
    finish: async () => {
      const isTopology = (file: File) => Number(file.name === 'model.json');
      return files.sort((a, b) => isTopology(b) - isTopology(a));
    },
    abort: async () => {
      files.length = 0;
    },
  };
}
