/** Loads converted models from files in memory or in a folder, as an application would. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';

export type Files = Map<string, Uint8Array>;

export function filesOfFolder(folder: string): Files {
  return new Map(
    fs.readdirSync(folder).map((name) => [name, fs.readFileSync(path.join(folder, name))]),
  );
}

export async function filesOf(list: readonly File[]): Promise<Files> {
  const entries = list.map(async (file): Promise<[string, Uint8Array]> => [
    file.name,
    new Uint8Array(await file.arrayBuffer()),
  ]);
  return new Map(await Promise.all(entries));
}

export function modelJson(files: Files): tf.io.ModelJSON {
  return JSON.parse(
    Buffer.from(files.get('model.json') as Uint8Array).toString(),
  ) as tf.io.ModelJSON;
}

/** `tf.loadLayersModel` through tfjs's own reading of `model.json` and its weight files. */
export function load(files: Files): Promise<tf.LayersModel> {
  return tf.loadLayersModel({
    load: () =>
      tf.io.getModelArtifactsForJSON(modelJson(files), async (manifest) => {
        const paths = manifest.flatMap((group) => group.paths);
        const data = Buffer.concat(paths.map((name) => files.get(name) as Uint8Array));
        const specs = manifest.flatMap((group) => group.weights);
        return [specs, data.buffer.slice(data.byteOffset, data.byteOffset + data.length)];
      }),
  });
}
