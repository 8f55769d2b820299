/** A backend that holds no values: for building models larger than memory. */
import * as tf from '@tensorflow/tfjs';

import { kernelValues } from '../../src/layers/base/truncated_normal';

class ShapesOnlyBackend extends tf.KernelBackend {
  private readonly references = new Map<object, number>();

  override write(): object {
    const dataId = {};
    this.references.set(dataId, 1);
    return dataId;
  }
  override incRef(dataId: object): void {
    this.references.set(dataId, this.refCount(dataId) + 1);
  }
  decRef(dataId: object): void {
    this.references.set(dataId, this.refCount(dataId) - 1);
  }
  override refCount(dataId: object): number {
    return this.references.get(dataId) ?? 0;
  }
  override disposeData(dataId: object, force = false): boolean {
    this.decRef(dataId);
    if (!force && this.refCount(dataId) > 0) return false;
    return this.references.delete(dataId);
  }
  override numDataIds(): number {
    return this.references.size;
  }
  override memory(): { unreliable: boolean } {
    return { unreliable: false };
  }
  override floatPrecision(): 32 {
    return 32;
  }
}

const NAME = 'shapes-only';
tf.registerBackend(NAME, () => new ShapesOnlyBackend());
// Constant initializers multiply ones.
tf.registerKernel({
  kernelName: 'Multiply',
  backendName: NAME,
  kernelFunc: ({ inputs, backend }) => {
    const { a, b } = inputs as { a: tf.TensorInfo; b: tf.TensorInfo };
    const dataId = (backend as ShapesOnlyBackend).write();
    const shape = tf.backend_util.assertAndGetBroadcastShape(a.shape, b.shape);
    return { dataId: dataId as tf.TensorInfo['dataId'], shape, dtype: a.dtype };
  },
});

/**
 * Runs `fn` with weights that have shapes, names and nothing else. Anything that computes fails: the
 * backend has no kernels.
 */
export async function withShapesOnly<T>(fn: () => T | Promise<T>): Promise<T> {
  const before = tf.getBackend();
  // The values of kernels are drawn in JavaScript before any backend sees them.
  const draw = jest.spyOn(kernelValues, 'ofShape').mockImplementation((shape) =>
    tf.engine().makeTensorFromTensorInfo({
      dataId: tf.backend().write(null as never, shape, 'float32'),
      shape,
      dtype: 'float32',
    }),
  );
  await tf.setBackend(NAME);
  try {
    return await fn();
  } finally {
    draw.mockRestore();
    await tf.setBackend(before);
  }
}
