/** A saved model from a folder: `model.json` and the weight files that it names. */
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs-core';

import { messageOf } from '../common/messages';
import { MAX_CALL_BYTES } from '../weights/bytes/durable';
import { CheckpointError } from '../weights/errors';
import { failing, systemCode } from './errors';
import { groupBytes } from './manifest';
import { type WeightFile, weightFiles } from './weight_paths';

/** Weights that another program writes over: tfjs-node gives all of its saves the same file names. */
class ChangedError extends CheckpointError {}

/** How often a save of another process may come in between. */
const MAX_ATTEMPTS = 20;

/**
 * Reads what `saveModel`, tfjs-node or the tensorflowjs converter wrote: any number of weight
 * groups, each in any number of files. Where another process saves meanwhile, it gives the model
 * before or the model after, whole.
 *
 * @param location a `model.json`, under whatever name, or the folder that holds one
 * @throws {CheckpointError} 'io' when a file is missing or cannot be read, 'format' when it is no
 * `model.json`, 'corrupt' when the weight files are not as long as it says, 'unsupported' when it
 * names weight files outside its folder
 */
export async function readModel(location: string): Promise<tf.io.ModelArtifacts> {
  const file = await modelFile(location);
  for (let attempt = 1; ; attempt++) {
    const text = await readText(file);
    try {
      return await readArtifacts(file, parse(file, text));
    } catch (error) {
      // A save removes the weight files of the model that it replaces, or writes over them.
      const changed =
        error instanceof ChangedError || (await readText(file).catch(() => text)) !== text;
      if (!changed || attempt === MAX_ATTEMPTS) throw error;
    }
  }
}

function readArtifacts(file: string, json: tf.io.ModelJSON): Promise<tf.io.ModelArtifacts> {
  return tf.io.getModelArtifactsForJSON(json, async (groups) => {
    const shards = await checkedSizes(file, groups);
    const weights: ArrayBuffer[] = [];
    for (const shard of shards) weights.push(await readBytes(shard));
    return [groups.flatMap((group) => group.weights), weights];
  });
}

async function modelFile(location: string): Promise<string> {
  const missing = (file: string) => (error: unknown) => {
    if (systemCode(error) !== 'ENOENT') return failing(`${file} cannot be read`)(error);
    throw new CheckpointError(
      'io',
      `${file} does not exist; expected a model.json or the folder that model.save wrote`,
      { cause: error },
    );
  };
  const found = await fs.stat(location).catch(missing(location));
  if (!found.isDirectory()) return location;
  const file = path.join(location, 'model.json');
  await fs.stat(file).catch(missing(file));
  return file;
}

function readText(file: string): Promise<string> {
  return fs.readFile(file, 'utf8').catch(failing(`${file} cannot be read`));
}

function parse(file: string, text: string): tf.io.ModelJSON {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new CheckpointError('format', `${file} is not JSON: ${messageOf(error)}`, {
      cause: error,
    });
  }
  const { modelTopology, weightsManifest } = (json ?? {}) as Partial<tf.io.ModelJSON>;
  if (modelTopology == null && weightsManifest == null) {
    throw new CheckpointError(
      'format',
      `${file} has neither modelTopology nor weightsManifest; expected the model.json of a tfjs model`,
    );
  }
  if (weightsManifest != null && !isManifest(weightsManifest)) {
    throw new CheckpointError(
      'format',
      `${file}: weightsManifest is not a list of { paths, weights: [{ name, shape, dtype }] }`,
    );
  }
  return json as tf.io.ModelJSON;
}

function isManifest(manifest: unknown): manifest is tf.io.WeightsManifestConfig {
  const isWeight = (weight: unknown) => {
    const { name, shape, dtype } = (weight ?? {}) as Partial<tf.io.WeightsManifestEntry>;
    return typeof name === 'string' && typeof dtype === 'string' && Array.isArray(shape);
  };
  const isGroup = (group: unknown) => {
    const { paths, weights } = (group ?? {}) as { paths?: unknown; weights?: unknown };
    const named = Array.isArray(paths) && paths.every((file) => typeof file === 'string');
    return named && Array.isArray(weights) && weights.every(isWeight);
  };
  return Array.isArray(manifest) && manifest.every(isGroup);
}

/** The weight files in order with their sizes, which add up to what the manifest says. */
async function checkedSizes(
  file: string,
  groups: tf.io.WeightsManifestConfig,
): Promise<WeightFile[]> {
  const all: WeightFile[] = [];
  for (const { paths, weights } of groups) {
    const shards = await weightFiles(file, paths);
    const found = shards.reduce((sum, { bytes }) => sum + bytes, 0);
    const expected = groupBytes(weights);
    if (expected !== undefined && found !== expected) {
      // A program that writes over a file makes it empty first.
      const now = await weightFiles(file, paths);
      const changing = now.some(
        ({ bytes, modified }, i) => bytes !== shards[i]?.bytes || modified !== shards[i]?.modified,
      );
      throw new (changing ? ChangedError : CheckpointError)(
        'corrupt',
        `${paths.join(', ')} beside ${file}: ${found} bytes where its weights take ${expected}; ` +
          `save or copy the model again`,
      );
    }
    all.push(...shards);
  }
  return all;
}

/** A whole file. Straight into its final buffer: weights are large. */
async function readBytes({ path: file, bytes: size, modified }: WeightFile): Promise<ArrayBuffer> {
  const what = `${file} cannot be read`;
  const handle = await fs.open(file).catch(failing(what));
  try {
    const bytes = new Uint8Array(size);
    for (let done = 0; done < size;) {
      const length = Math.min(MAX_CALL_BYTES, size - done);
      const { bytesRead } = await handle.read(bytes, done, length).catch(failing(what));
      if (bytesRead === 0) {
        throw new ChangedError('corrupt', `${file} ends after ${done} of ${size} bytes`);
      }
      done += bytesRead;
    }
    const stat = await handle.stat().catch(failing(what));
    if (stat.size !== size || stat.mtimeMs !== modified) {
      throw new ChangedError('io', `${file} changed while it was being read; load the model again`);
    }
    return bytes.buffer;
  } finally {
    await handle.close().catch(failing(what));
  }
}
