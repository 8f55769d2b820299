/** A backend whose device can be lost, as webgpu's can: the cpu backend, with one that a test takes away. */
import * as tf from '@tensorflow/tfjs';

const NAME = 'device';

/** Lets go of the device of the backend in use. */
let loseCurrent: () => void = () => undefined;

/** Registers the backend, on the first call, and makes it the current one. */
export async function useDeviceBackend(): Promise<void> {
  if (tf.findBackend(NAME) == null) register();
  if (!(await tf.setBackend(NAME))) throw new Error(`backend ${NAME} did not start`);
}

/** Takes the device away; resolves when whoever watches it has been told. */
export async function loseDevice(): Promise<void> {
  loseCurrent();
  await new Promise((resolve) => setTimeout(resolve, 0));
}

function register(): void {
  const Cpu = (tf.findBackend('cpu') as tf.KernelBackend).constructor as new () => tf.KernelBackend;
  class DeviceBackend extends Cpu {
    readonly device = {
      lost: new Promise<void>((resolve) => {
        loseCurrent = resolve;
      }),
    };
  }
  tf.registerBackend(NAME, () => new DeviceBackend());
  for (const kernel of tf.getKernelsForBackend('cpu')) {
    tf.registerKernel({ ...kernel, backendName: NAME });
  }
}
