/** The form of a contract between operations and backends. */
import type * as tf from '@tensorflow/tfjs-core';

/** What a kernel is called, what it takes and what it gives. */
export interface KernelContract {
  /** Name under which tfjs knows the kernel. */
  readonly name: `RevCol${string}`;
  /** Tensors that it always takes. */
  readonly inputs: readonly string[];
  /** Tensors that it takes where they are given. */
  readonly optionalInputs: readonly string[];
  /** Numbers and flags, always given. */
  readonly attributes: Readonly<Record<string, 'number' | 'boolean'>>;
  /** Tensors that it gives. */
  readonly outputs: readonly [string, ...string[]];
  /** Dtypes of inputs that are not float32. */
  readonly dtypes?: Readonly<Record<string, tf.DataType>>;
}
