/**
 * A model into a folder. `model.json` changes last, in one step, and names weight files that no
 * earlier save has written: whenever the process dies, the folder holds the model before or the
 * model after, whole.
 */
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs-core';

import { makeFolder, syncFolder, writeFully } from '../weights/bytes/durable';
import { CheckpointError } from '../weights/errors';
import { failing } from './errors';
import { groupBytes } from './manifest';
import { namesOfSave, ownShards, removeFiles, removeUseless } from './own_files';

/**
 * @param folder made if it does not exist; a model in it is replaced
 * @param shardBytes largest weight file
 * @throws {CheckpointError} 'io' when it cannot be written, 'unsupported' when the topology is binary,
 * 'corrupt' when the weights are not as long as their shapes say. The folder then holds what it held
 * before; only when the disk does not confirm the last step it holds the new model, and the error
 * says so.
 */
export async function writeModel(
  folder: string,
  artifacts: tf.io.ModelArtifacts,
  shardBytes: number,
): Promise<tf.io.SaveResult> {
  const { modelTopology, weightSpecs = [], weightData = [] } = artifacts;
  if (modelTopology instanceof ArrayBuffer) {
    throw new CheckpointError(
      'unsupported',
      `${folder}: the topology is binary (a GraphDef); only models with JSON topology can be saved`,
    );
  }
  const buffers = Array.isArray(weightData) ? weightData : [weightData];
  const given = buffers.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const expected = groupBytes(weightSpecs) ?? given;
  if (given !== expected) {
    throw new CheckpointError(
      'corrupt',
      `${folder}: ${given} bytes of weights given where their shapes take ${expected}`,
    );
  }
  const what = `${folder} cannot be written`;
  const undo = await makeFolder(fs, folder).catch(failing(what));
  const { shards, partial } = namesOfSave(given, shardBytes);
  let replaced: string[];
  try {
    const whole = new tf.io.CompositeArrayBuffer(buffers);
    for (const [i, name] of shards.entries()) {
      const piece = whole.slice(i * shardBytes, Math.min(given, (i + 1) * shardBytes));
      await writeFile(path.join(folder, name), new Uint8Array(piece));
    }
    await writeFile(
      path.join(folder, partial),
      new TextEncoder().encode(modelJson(artifacts, shards)),
    );
    await syncFolder(fs, folder);
    replaced = await ownShards(folder);
    // In a save of hours another one may have taken the first shards for those of a dead one.
    for (const name of shards) await fs.stat(path.join(folder, name));
    await fs.rename(path.join(folder, partial), path.join(folder, 'model.json'));
  } catch (error) {
    await removeFiles(folder, [...shards, partial]);
    await undo();
    return failing(what)(error);
  }
  // Else the disk may keep the old model.json, and lose the weights that it names.
  await syncFolder(fs, folder).catch(
    failing(`${folder} is written, but may not survive a loss of power`),
  );
  await removeUseless(folder, replaced);
  return { modelArtifactsInfo: tf.io.getModelArtifactsInfoForJSON(artifacts) };
}

function modelJson(artifacts: tf.io.ModelArtifacts, paths: string[]): string {
  const weights = artifacts.weightSpecs;
  const binary = { weightSpecs: undefined, weightData: undefined, getWeightStream: undefined };
  const weightsManifest = weights ? [{ paths, weights }] : [];
  return JSON.stringify({ ...artifacts, ...binary, weightsManifest });
}

/** Writes a new file and waits until it is on the disk: only then may another name it. */
async function writeFile(file: string, bytes: Uint8Array): Promise<void> {
  const handle = await fs.open(file, 'wx');
  try {
    await writeFully(handle, bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
