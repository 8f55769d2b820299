/** Node's own modules, loaded only when a path is used, so that browser bundles never see them. */

import { nodeBuiltin, runsInNode } from '../../common/node';
import { CheckpointError } from '../errors';
import type { FileSystem } from './durable';

/**
 * Node's `fs/promises`.
 *
 * @throws {CheckpointError} 'unsupported' when this is not Node.
 */
export async function nodeFileSystem(): Promise<FileSystem> {
  if (!runsInNode()) {
    throw new CheckpointError(
      'unsupported',
      'Reading and writing file paths needs Node; in a browser give a URL, a File or Blob, or an ArrayBuffer',
    );
  }
  return nodeBuiltin('fs');
}
