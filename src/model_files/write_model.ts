/**
 * A model into a folder. `model.json` changes last, in one step, and names weight files that no
 * earlier save has written: whenever the process dies, the folder holds the model before or the
 * model after, whole.
 */
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs-core';

import { CheckpointError } from '../weights/errors';
import { failing, systemCode } from './errors';
import { groupBytes } from './manifest';

/** Files that this module has written, and may delete once `model.json` names others. */
const OWN_SHARD = /^weights-[0-9a-f]{12}\.\d+of\d+\.bin$/;

/**
 * @param folder made if it does not exist; a model in it is replaced
 * @param shardBytes largest weight file
 * @throws {CheckpointError} `io` where it cannot be written, `unsupported` for a model whose topology
 * is binary. The folder then holds what it held before.
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
  await fs.mkdir(folder, { recursive: true }).catch(failing(what));
  const paths = shardNames(given, shardBytes);
  const temporary = path.join(folder, `${paths[0] ?? 'model'}.json.partial`);
  try {
    const whole = new tf.io.CompositeArrayBuffer(buffers);
    for (const [i, name] of paths.entries()) {
      const piece = whole.slice(i * shardBytes, Math.min(given, (i + 1) * shardBytes));
      await writeFile(path.join(folder, name), new Uint8Array(piece));
    }
    await writeFile(temporary, new TextEncoder().encode(modelJson(artifacts, paths)));
    const before = await ownShards(folder);
    await fs.rename(temporary, path.join(folder, 'model.json'));
    await remove(folder, before);
  } catch (error) {
    await remove(folder, [...paths, path.basename(temporary)]);
    return failing(what)(error);
  }
  return { modelArtifactsInfo: tf.io.getModelArtifactsInfoForJSON(artifacts) };
}

function shardNames(bytes: number, shardBytes: number): string[] {
  const save = randomBytes(6).toString('hex');
  const count = Math.ceil(bytes / shardBytes);
  return Array.from({ length: count }, (_, i) => `weights-${save}.${i + 1}of${count}.bin`);
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
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Weight files of the model that is in the folder, as far as this module wrote them. */
async function ownShards(folder: string): Promise<string[]> {
  const text = await fs.readFile(path.join(folder, 'model.json'), 'utf8').catch((error) => {
    if (systemCode(error) === 'ENOENT') return '{}';
    throw error;
  });
  try {
    const { weightsManifest = [] } = JSON.parse(text) as Partial<tf.io.ModelJSON>;
    return weightsManifest.flatMap(({ paths }) => paths).filter((name) => OWN_SHARD.test(name));
  } catch {
    return []; // Not a model.json, whatever it is: nothing of it is ours to delete.
  }
}

async function remove(folder: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    await fs.rm(path.join(folder, name), { force: true }).catch(() => undefined);
  }
}
