/** Small RevCol models and checkpoints of them in any form. */
import * as tf from '@tensorflow/tfjs';

import { createModel, type CreateModelOptions, saveCheckpoint } from 'tfjs-revcol';
import { openCheckpoint } from '../../../src/weights/open_checkpoint';
import { OP } from '../../../src/weights/pickle/opcodes';
import { type TensorToWrite, writeSafetensors } from '../../../src/weights/safetensors/writer';
import { randomizeWeights, weightValues } from '../../support/training_step';
import { buildPth, bytesOf, dict, pickleOf, tensor, text } from './build_pickle';

export interface NamedTensor {
  name: string;
  shape: number[];
  data: Float32Array;
}

/** Two columns of two levels, 4 classes, random weights. */
export function smallModel(seed: number, options: CreateModelOptions = {}): tf.LayersModel {
  const model = createModel('revcol_tiny', {
    inputShape: [8, 8, 3],
    columns: 2,
    channels: [2, 3],
    depths: [1, 1],
    patchSize: 2,
    numClasses: 4,
    ...options,
  });
  randomizeWeights(model.weights, seed);
  return model;
}

/** The published form of a model's weights. */
export async function tensorsOf(model: tf.LayersModel): Promise<NamedTensor[]> {
  const checkpoint = await openCheckpoint(await saveCheckpoint(model));
  const tensors: NamedTensor[] = [];
  for (const [name, { shape }] of checkpoint.entries) {
    tensors.push({ name, shape, data: await checkpoint.read(name) });
  }
  return tensors;
}

export function renamed(
  tensors: readonly NamedTensor[],
  rename: (name: string) => string,
): NamedTensor[] {
  return tensors.map((t) => ({ ...t, name: rename(t.name) }));
}

export function safetensorsOf(tensors: readonly NamedTensor[]): Promise<Blob> {
  return writeSafetensors(
    tensors.map(({ name, shape, data }): TensorToWrite => ({
      name,
      shape,
      read: async () => data,
    })),
  );
}

/** Nested dicts whose leaves are lists of tensors by name, as `torch.save` writes them. */
export type Parts = { [key: string]: Parts } | readonly NamedTensor[];

/** The pickle and the storages of nested dicts. */
export function pickleParts(parts: Parts): {
  pickle: Uint8Array<ArrayBuffer>;
  storages: Record<string, Uint8Array>;
} {
  const storages: Record<string, Uint8Array> = {};
  type Piece = ReturnType<typeof text>;
  const pieceOf = (part: Parts): Piece => {
    if (!Array.isArray(part)) {
      const items = Object.entries(part as Record<string, Parts>);
      return dict(Object.fromEntries(items.map(([key, value]) => [key, pieceOf(value)])));
    }
    const pairs = (part as readonly NamedTensor[]).flatMap(({ name, shape, data }) => {
      const key = String(Object.keys(storages).length);
      storages[key] = new Uint8Array(data.slice().buffer);
      const strides = shape.map((_, d) => tf.util.sizeFromShape(shape.slice(d + 1)));
      return [text(name), tensor({ key, length: data.length, shape, strides })];
    });
    return bytesOf(OP.EMPTY_DICT, OP.MARK, pairs, OP.SETITEMS);
  };
  return { pickle: pickleOf(pieceOf(parts)), storages };
}

/** A `.pth` of nested dicts. */
export function pthOf(parts: Parts): Uint8Array<ArrayBuffer> {
  const { pickle, storages } = pickleParts(parts);
  return buildPth(pickle, storages);
}

export type Values = Map<string, Float32Array>;

/** Current values of a model's weights, by name. */
export function valuesOf(model: tf.LayersModel): Values {
  return weightValues(model.weights);
}
