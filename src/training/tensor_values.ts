/** Tensors' values as they are saved: bit for bit, also the codes in what tfjs calls bool. */
import * as tf from '@tensorflow/tfjs-core';

import { readTensor } from '../ops/engine/lost_backend';
import { CheckpointError } from '../weights/errors';
import type { HeaderEntry } from '../weights/safetensors/header';
import type { TensorToWrite } from '../weights/safetensors/writer';

/** What a tensor is made of. */
export interface TensorValues {
  readonly shape: number[];
  readonly dtype: keyof typeof FILE_TYPES;
  readonly values: Float32Array | Int32Array | Uint8Array;
}

/** Types in a file by those of tfjs, whose bools are bytes. */
const FILE_TYPES = { float32: 'float32', int32: 'int32', bool: 'uint8' } as const;

const ARRAYS = { float32: Float32Array, int32: Int32Array, bool: Uint8Array } as const;

/** The type in a file; undefined where none holds the tensor. */
export function fileType(dtype: tf.DataType): TensorToWrite['dtype'] {
  return Object.hasOwn(FILE_TYPES, dtype)
    ? FILE_TYPES[dtype as keyof typeof FILE_TYPES]
    : undefined;
}

/**
 * A tensor to write, read when its turn comes.
 *
 * @throws {CheckpointError} 'unsupported' when it is neither of numbers nor of bools
 */
export function toWrite(name: string, tensor: tf.Tensor): TensorToWrite {
  const dtype = fileType(tensor.dtype);
  if (dtype === undefined) {
    throw new CheckpointError(
      'unsupported',
      `saveTraining: ${name} is ${tensor.dtype}; expected float32, int32 or bool`,
    );
  }
  return {
    ...{ name, dtype, shape: tensor.shape },
    read: async () => (await readTensor(tensor)) as Float32Array | Int32Array | Uint8Array,
  };
}

/**
 * Values from a tensor's bytes, which they share.
 *
 * @throws {CheckpointError} 'unsupported' when the type is none that is written
 */
export function valuesOf({ dtype, shape }: HeaderEntry, bytes: Uint8Array): TensorValues {
  const own = Object.entries(FILE_TYPES).find(([, type]) => type === dtype)?.[0];
  if (own === undefined) {
    throw new CheckpointError('unsupported', `A saved training has no tensors of ${dtype}`);
  }
  const type = own as keyof typeof FILE_TYPES;
  return { shape: [...shape], dtype: type, values: new ARRAYS[type](bytes.buffer as ArrayBuffer) };
}

/** A new tensor. */
export function tensorFrom({ values, shape, dtype }: TensorValues): tf.Tensor {
  return tf.tensor(values, shape, dtype);
}

/** Gives a variable these values, as they are. */
export function assignValues(variable: tf.Variable, values: TensorValues): void {
  tf.tidy(() => variable.assign(tensorFrom(values)));
}

/** A number of 32 bits as bytes, the lowest first. */
export function toBytes(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}
