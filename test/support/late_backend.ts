/** A backend that answers only asynchronously, as webgpu does: the cpu backend, which throws when asked at once. */
import * as tf from '@tensorflow/tfjs';

const NAME = 'late';

interface CpuBackend extends tf.KernelBackend {
  readSync(dataId: object): tf.TypedArray;
}

/** Registers the backend, on the first call, and makes it the current one. */
export async function useLateBackend(): Promise<void> {
  if (tf.findBackend(NAME) == null) register();
  if (!(await tf.setBackend(NAME))) throw new Error(`backend ${NAME} did not start`);
}

function register(): void {
  const Cpu = (tf.findBackend('cpu') as tf.KernelBackend).constructor as new () => CpuBackend;
  class LateBackend extends Cpu {
    override readSync(dataId: object): tf.TypedArray {
      // Kernels of cpu read their operands through it.
      if (tf.engine().state.kernelDepth > 0) return super.readSync(dataId);
      throw new Error('this backend cannot be read synchronously');
    }

    override async read(dataId: object): Promise<tf.TypedArray> {
      const values = super.readSync(dataId).slice();
      await new Promise((resolve) => setTimeout(resolve, 1));
      return values as tf.TypedArray;
    }
  }
  tf.registerBackend(NAME, () => new LateBackend());
  for (const kernel of tf.getKernelsForBackend('cpu')) {
    tf.registerKernel({ ...kernel, backendName: NAME });
  }
}
