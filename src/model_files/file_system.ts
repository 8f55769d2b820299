/** Models as folders of files, for model.save and tf.loadLayersModel. */
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import type * as tf from '@tensorflow/tfjs-core';

import { requireArgument, requireInteger } from '../common/arguments';
import { messageOf } from '../common/messages';
import { type OptionNames, requireOptions } from '../common/options';
import { isUrlText, shownUrl } from '../common/url';
import { readModel } from './read_model';
import { writeModel } from './write_model';

/** Options of `fileSystem`. */
export interface FileSystemOptions {
  /** Largest weight file that `save` writes, in bytes. Default 64 MiB. */
  shardBytes?: number;
}

const OPTIONS: OptionNames<FileSystemOptions> = {
  shardBytes: true,
};

const DEFAULT_SHARD_BYTES = 2 ** 26;

/**
 * Saves and loads models as files, in Node without tfjs-node. The format is that of tfjs and of the
 * tensorflowjs converter: `model.json` and weight files beside it.
 *
 * @param location the folder to save to, made where it does not exist; or the `model.json`, or the
 *   folder that holds it, to load from. A path, or a `file:` URL object.
 * @returns a handler for `model.save` and `tf.loadLayersModel`. Both reject with a `CheckpointError`:
 *   'io' when a file is missing or cannot be read or written, 'format' when it is no `model.json`,
 *   'corrupt' when weight files are too short or too long, 'unsupported' when `model.json` names
 *   weight files outside its folder (also by links) or the topology to save is binary.
 *   A save that fails, or is cut off at any moment, leaves the model that was there before; a load
 *   meanwhile gives the model before or the one after. A save removes the weight files of the model
 *   that it replaces, and those that killed saves have left for over an hour, unless another JSON file
 *   of the folder names them.
 * @throws {Error} when the path is empty or an address, a `URL` is of no file, or `shardBytes` is not an integer
 *   of at least 1
 *
 * @example
 * await model.save(fileSystem('out/digits'));
 * const same = await tf.loadLayersModel(fileSystem('out/digits'));
 */
export function fileSystem(
  location: string | URL,
  options: FileSystemOptions = {},
): Required<Pick<tf.io.IOHandler, 'save' | 'load'>> {
  requireOptions('fileSystem', options, OPTIONS);
  const { shardBytes = DEFAULT_SHARD_BYTES } = options;
  requireInteger('fileSystem', 'shardBytes', shardBytes, 1);
  const isPlace = typeof location === 'string' || location instanceof URL;
  requireArgument(
    'fileSystem',
    'location',
    location,
    isPlace,
    'the path of a folder, or a file: URL',
  );
  if (location === '') throw new Error(`fileSystem: the path is empty; give a folder or a file`);
  if (typeof location === 'string' && isUrlText(location)) {
    throw new Error(
      `fileSystem: ${shownUrl(location)} is an address; give a path, or load an address by ` +
        'tf.loadLayersModel(url)',
    );
  }
  const full = path.resolve(location instanceof URL ? pathOf(location) : location);
  return {
    save: (artifacts) => writeModel(full, artifacts, shardBytes),
    load: () => readModel(full),
  };
}

function pathOf(url: URL): string {
  try {
    return fileURLToPath(url);
  } catch (error) {
    throw new Error(
      `fileSystem: ${shownUrl(url.href)} is no file here (${messageOf(error)}); give a path, or a file: URL`,
      { cause: error },
    );
  }
}
