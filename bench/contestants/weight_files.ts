/** Weights of a model in a safetensors file that contestants in other languages read as well. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';

import { loadCheckpoint, openCheckpoint } from 'tfjs-revcol';
import { modelWeights } from '../../src/weights/names/model_weights';
import { type TensorToWrite, writeSafetensors } from '../../src/weights/safetensors/writer';
import type { Network } from '../suite/workload';

const values = async (tensor: tf.Tensor) => Float32Array.from(await tensor.data());

/**
 * A model's weights as tensors of a file: networks over images in the published names and PyTorch's layout,
 * token networks, for which nothing is published, in the names and layout of this package.
 */
export function weightsToWrite(model: tfl.LayersModel, network: Network): TensorToWrite[] {
  if (network.kind !== 'tokens') {
    return [...modelWeights(model).mapped.values()].map(
      ({ variable, published, publishedShape, layout }) => ({
        name: published,
        shape: publishedShape,
        read: async () =>
          layout.toPublished(await values(variable.read()), variable.shape as number[]),
      }),
    );
  }
  return model.weights.map((weight) => ({
    name: weight.originalName,
    shape: weight.shape as number[],
    read: () => values(weight.read()),
  }));
}

/** Loads what {@link weightsToWrite} wrote. */
export async function readWeights(
  model: tfl.LayersModel,
  network: Network,
  file: string,
): Promise<void> {
  if (network.kind !== 'tokens') {
    await loadCheckpoint(model, file);
    return;
  }
  const tensors = await readTensors(file);
  for (const weight of model.weights) {
    const tensor = tensors.get(weight.originalName);
    if (!tensor) throw new Error(`${file} has no weight ${weight.originalName}`);
    weight.write(tensor);
    tensor.dispose();
  }
}

/** All tensors of a file, float32. */
export async function readTensors(file: string): Promise<Map<string, tf.Tensor>> {
  const checkpoint = await openCheckpoint(file);
  try {
    const found = new Map<string, tf.Tensor>();
    for (const [name, { shape }] of checkpoint.entries) {
      found.set(name, tf.tensor(await checkpoint.read(name), shape));
    }
    return found;
  } finally {
    await checkpoint.close();
  }
}

/** A tensor of a file to write; it stays the caller's. */
export function tensorToWrite(name: string, tensor: tf.Tensor): TensorToWrite {
  return { name, shape: tensor.shape, read: () => values(tensor) };
}

export { type TensorToWrite, writeSafetensors };
