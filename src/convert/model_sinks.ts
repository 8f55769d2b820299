/** Places for the files of a converted model. */
import { messageOf } from '../common/messages';
import { nodeFileSystem } from '../weights/bytes/node_file_system';
import { blobSink, fileSink } from '../weights/bytes/sink';
import { CheckpointError } from '../weights/errors';
import type { ModelSink } from './shard_writer';

/**
 * A folder in Node. The files are written beside it first; the folder appears only when the model
 * is complete. Resolves to the path of its `model.json`.
 *
 * @throws {CheckpointError} `io` where the folder exists and is not empty, or cannot be written
 */
export async function folderSink(path: string): Promise<ModelSink<string>> {
  const fs = await nodeFileSystem();
  const fail = (error: unknown): never => {
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
  const trimmed = path.replace(/[/\\]+$/, '');
  const partial = `${trimmed}.${Date.now().toString(36)}.partial`;
  await fs.mkdir(partial, { recursive: true }).catch(fail);
  return {
    open: (fileName) => fileSink(`${partial}/${fileName}`),
    finish: async () => {
      if (present !== undefined) await fs.rmdir(path).catch(fail);
      await fs.rename(partial, trimmed).catch(fail);
      return `${trimmed}/model.json`;
    },
    abort: async () => {
      await fs.rm(partial, { recursive: true, force: true }).catch(() => undefined);
    },
  };
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
