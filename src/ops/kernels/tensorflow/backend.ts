/** What tfjs-node's backend is to the kernels here, and attributes as its operations take them. */
import type * as tf from '@tensorflow/tfjs-core';

/** An attribute of a TensorFlow operation, as the binding takes it. */
export interface OpAttribute {
  name: string;
  type: number;
  value: number | boolean | string;
}

/** What tfjs-node knows of a tensor's data. */
export interface NodeData {
  /** Number of TensorFlow's tensor, once there is one. */
  id: number;
  /** Those that no operation has read yet; JavaScript holds them until then. */
  values: unknown;
}

/**
 * What the kernels use of tfjs-node's `NodeJSKernelBackend`. Declared here because the package that
 * defines it is an optional peer.
 */
export interface NodeBackend {
  binding: Record<
    'TF_ATTR_TYPE' | 'TF_ATTR_BOOL' | 'TF_ATTR_STRING' | 'TF_ATTR_FLOAT' | 'TF_FLOAT',
    number
  >;
  isUsingGpuDevice: boolean;
  executeSingleOutput(
    name: string,
    attributes: OpAttribute[],
    inputs: tf.TensorInfo[],
  ): tf.TensorInfo;
  executeMultipleOutputs(
    name: string,
    attributes: OpAttribute[],
    inputs: tf.TensorInfo[],
    outputs: number,
  ): tf.TensorInfo[];
  tensorMap: { get(dataId: object): NodeData };
  /** The very array where JavaScript holds the values, else a copy of them. */
  readSync(dataId: object): unknown;
  write(values: tf.TypedArray, shape: number[], dtype: tf.DataType): object;
  move(
    dataId: object,
    values: tf.TypedArray,
    shape: number[],
    dtype: tf.DataType,
    refCount: number,
  ): void;
  refCount(dataId: object): number;
  disposeData(dataId: object, force?: boolean): boolean;
}

/** The attribute that says that tensors are float32. */
export function float32({ binding }: NodeBackend): OpAttribute {
  return { name: 'T', type: binding.TF_ATTR_TYPE, value: binding.TF_FLOAT };
}

/** An attribute that is true or false. */
export function flag({ binding }: NodeBackend, name: string, value: boolean): OpAttribute {
  return { name, type: binding.TF_ATTR_BOOL, value };
}

/** An attribute that is a string. */
export function text({ binding }: NodeBackend, name: string, value: string): OpAttribute {
  return { name, type: binding.TF_ATTR_STRING, value };
}

/** An attribute that is a number. */
export function float({ binding }: NodeBackend, name: string, value: number): OpAttribute {
  return { name, type: binding.TF_ATTR_FLOAT, value };
}

/**
 * Runs `fn` with a tensor of numbers that change from call to call. As attributes they would not do: TensorFlow
 * keeps a kernel for each value of those. They arrive as they are, float64, which holds every size; tfjs has no
 * such tensors, so that each is two int32.
 */
export function withNumbers<T>(
  backend: NodeBackend,
  numbers: readonly number[],
  fn: (info: tf.TensorInfo) => T,
): T {
  const halves = new Int32Array(Float64Array.from(numbers).buffer);
  const shape = [halves.length];
  const dataId = backend.write(halves, shape, 'int32') as tf.DataId;
  try {
    return fn({ dataId, shape, dtype: 'int32' });
  } finally {
    backend.disposeData(dataId);
  }
}
