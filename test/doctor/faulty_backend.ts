/** Backends with a fault: the cpu backend, with something of it replaced. */
import * as tf from '@tensorflow/tfjs';

/** What tests replace of a backend. */
export interface Fault {
  /** What an asynchronous read makes of the values. */
  read?: (values: tf.TypedArray) => Promise<tf.TypedArray>;
  /** Called before every write. */
  write?: () => void;
  /** What starting it throws. */
  start?: Error;
}

interface CpuBackend extends tf.KernelBackend {
  readSync(dataId: object): tf.TypedArray;
  write(values: unknown, shape: number[], dtype: tf.DataType): object;
}

/** Registers such a backend, runs `use`, and takes it away again. */
export async function withFaultyBackend<T>(
  { read, write, start }: Fault,
  use: (name: string) => Promise<T>,
): Promise<T> {
  const name = 'faulty';
  const before = tf.getBackend();
  await tf.setBackend('cpu');
  const Cpu = tf.backend().constructor as new () => CpuBackend;
  class Faulty extends Cpu {
    override async read(dataId: object): Promise<tf.TypedArray> {
      const values = super.readSync(dataId);
      return read ? read(values) : values;
    }
    override write(values: unknown, shape: number[], dtype: tf.DataType): object {
      write?.();
      return super.write(values, shape, dtype);
    }
  }
  tf.registerBackend(name, () => {
    if (start) throw start;
    return new Faulty();
  });
  const kernels = tf.getKernelsForBackend('cpu');
  for (const kernel of kernels) tf.registerKernel({ ...kernel, backendName: name });
  try {
    return await use(name);
  } finally {
    await tf.setBackend(before);
    tf.removeBackend(name);
    for (const { kernelName } of kernels) tf.unregisterKernel(kernelName, name);
  }
}
